// Arguments that describe faults: `kind:setting=value,...`.
import { describe, expect, it } from 'vitest';
import { FAULT_KINDS, readFault } from '../../../../packages/kit/fault-proxy/control/fault-argument.ts';
import { FaultSchema } from '../../../../packages/kit/fault-proxy/control/gen/touchstone/kit/v1/fault_proxy_service_pb.ts';

describe('a fault as an argument', () => {
  it('has its own settings and those that select targets', () => {
    const { fault, options } = readFault(
      'fail-first:count=2,status=429,rpc=greet.v1.GreetService/Greet,direction=up,after=1,every=3,probability=0.5',
    );

    expect(fault).toMatchObject({ name: 'fail-first', schedule: { times: 2 } });
    expect(options).toEqual({
      rpc: 'greet.v1.GreetService/Greet',
      direction: 'up',
      after: 1,
      every: 3,
      probability: 0.5,
    });
  });

  it('can be one that affects nothing', () => {
    expect(readFault('fail-always:probability=0').options).toEqual({ probability: 0 });
  });

  it('needs no settings if its kind has none, and reads booleans', () => {
    expect(readFault('black-hole')).toMatchObject({ fault: { name: 'black-hole' }, options: {} });
    expect(readFault('refuse:closesPort=true').fault.closesPort).toBe(true);
    expect(readFault('refuse:closesPort=false').fault.closesPort).toBe(false);
  });

  it.each([
    { text: 'lag', fault: /^"lag" is not a fault; the faults are .*black-hole.*latency/ },
    { text: 'latency:delay=5', fault: /^latency has no setting "delay"; it has delayMs=<number>/ },
    { text: 'latency:delayMs=soon', fault: /^"delayMs" must be delayMs=<number>, not "soon"$/ },
    { text: 'latency:delayMs', fault: /^"delayMs" must be delayMs=<number>, not ""$/ },
    { text: 'refuse:closesPort=yes', fault: /^"closesPort" must be closesPort=<true\|false>, not "yes"$/ },
    { text: 'black-hole:direction=north', fault: /^"direction" must be direction=<up\|down\|both>, not "north"$/ },
    { text: 'fail-first:count=0', fault: /^"count" must be a whole number of at least 1/ },
  ])('is refused by the name of the invalid part: $text', ({ text, fault }) => {
    expect(() => readFault(text)).toThrow(fault);
  });

  it('is of one of the kinds of the control RPC', () => {
    const known = FaultSchema.fields.map(({ name }) => name.replaceAll('_', '-'));

    expect(FAULT_KINDS.map(({ name }) => name).sort()).toEqual(known.sort());
  });
});
