// Faults as they are typed: `kind:setting=value,...`.
import { describe, expect, it } from 'vitest';
import { faultKinds, readFault } from '../../../../packages/kit/command-line/fault-argument.ts';
import { FaultSchema } from '../../../../packages/kit/fault-proxy/control/gen/touchstone/kit/v1/fault_proxy_service_pb.ts';

describe('a fault as an argument', () => {
  it('has its own settings and those of what it hits', () => {
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

  it('needs no settings where the kind needs none, and reads yes and no', () => {
    expect(readFault('black-hole')).toMatchObject({ fault: { name: 'black-hole' }, options: {} });
    expect(readFault('refuse:closesPort=true').fault.closesPort).toBe(true);
    expect(readFault('refuse:closesPort=false').fault.closesPort).toBe(false);
  });

  it.each([
    { text: 'lag', fault: /^"lag" is none of .*black-hole.*latency/ },
    { text: 'latency:delay=5', fault: /^latency has no setting "delay"; it has delayMs=<number>/ },
    { text: 'latency:delayMs=soon', fault: /^"delayMs" is "soon", not delayMs=<number>$/ },
    { text: 'latency:delayMs', fault: /^"delayMs" is "", not delayMs=<number>$/ },
    { text: 'refuse:closesPort=yes', fault: /^"closesPort" is "yes", not closesPort=<true\|false>$/ },
    { text: 'black-hole:direction=north', fault: /^"direction" is "north", not direction=<up\|down\|both>$/ },
    { text: 'fail-first:count=0', fault: /^"count" must be a whole number of at least 1/ },
  ])('is refused by the name of what is wrong: $text', ({ text, fault }) => {
    expect(() => readFault(text)).toThrow(fault);
  });

  it('is of a kind that the control RPC knows, each of them once', () => {
    const known = FaultSchema.fields.map(({ name }) => name.replaceAll('_', '-'));

    expect(faultKinds.map(({ name }) => name).sort()).toEqual(known.sort());
  });
});
