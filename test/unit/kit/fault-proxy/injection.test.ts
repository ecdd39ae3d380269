// A fault that was switched on: whom it takes, what it counts, and how it comes off again.
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../../packages/kit/fault-proxy/core/fault.ts';
import { createPassingStage } from '../../../../packages/kit/fault-proxy/core/stage.ts';
import { failAlways } from '../../../../packages/kit/fault-proxy/faults/fail-always.ts';
import { latency } from '../../../../packages/kit/fault-proxy/faults/latency.ts';
import { refuse } from '../../../../packages/kit/fault-proxy/faults/refuse.ts';
import { reset } from '../../../../packages/kit/fault-proxy/faults/reset.ts';
import { Injection, type InjectOptions } from '../../../../packages/kit/fault-proxy/injection.ts';
import { bodyOf, createFakeCall } from './fake-call.ts';

function inject(fault: Fault, options: InjectOptions = {}, seed = 1): Injection {
  return new Injection(fault, options, seed, 1, () => undefined);
}

describe('an injection', () => {
  it.each([
    { rpc: 'box.v1.BoxService/Open', hits: 1 },
    { rpc: 'box.v1.BoxService/*', hits: 2 },
    { rpc: '*', hits: 3 },
    { rpc: 'v1.BoxService/Open', hits: 0 },
  ])('of $rpc takes the calls it names and no others', ({ rpc, hits }) => {
    const injection = inject(failAlways(), { rpc });
    for (const name of ['box.v1.BoxService/Open', 'box.v1.BoxService/Close', 'box.v1.BoxServices/Open']) {
      injection.offer(createFakeCall(name).port);
    }

    expect([injection.hits, injection.seen]).toEqual([hits, hits]);
  });

  it('of connections takes no calls, and one of calls no connections', () => {
    const ofConnections = inject(latency({ delayMs: 1 }));
    const ofCalls = inject(latency({ delayMs: 1 }), { rpc: '*' });
    for (const injection of [ofConnections, ofCalls]) {
      injection.offer(createFakeCall().port);
      injection.offer(createFakeCall('', 'connection').port);
    }

    expect([ofConnections.seen, ofCalls.seen]).toEqual([1, 1]);
  });

  it('of a fault that knows only calls takes every call when no RPC is named', () => {
    expect(inject(failAlways()).rpc).toBe('*');
  });

  it('counts a call once, whatever is done to it', () => {
    const fault: Fault = {
      name: 'nibble',
      hits: 'either',
      directions: ['up', 'down'],
      begin: (target) => {
        for (const direction of target.directions) {
          target.insert(
            direction,
            createPassingStage((piece, pass) => {
              target.hit();
              pass(piece);
            }),
          );
        }
      },
    };
    const injection = inject(fault, { rpc: '*' });
    const { port, send } = createFakeCall();
    injection.offer(port);
    expect(injection.hits).toBe(0);
    send('up', 'a');
    send('down', 'b');

    expect(injection.hits).toBe(1);
  });

  it('acts where it is told to', () => {
    const injection = inject(reset(), { rpc: '*', direction: 'up' });
    const { port, send, events } = createFakeCall();
    injection.offer(port);
    send('down', 'a');
    expect(injection.hits).toBe(0);
    send('up', 'a');

    expect(events).toContain('reset 2');
  });

  it('takes nothing more once it is removed, and keeps its counts', () => {
    const injection = inject(failAlways());
    injection.offer(createFakeCall().port);
    injection.remove();
    injection.remove();
    injection.offer(createFakeCall().port);

    expect([injection.hits, injection.seen]).toEqual([1, 1]);
  });

  it('removes its stages from calls that run', () => {
    const injection = inject(reset(), { rpc: '*' });
    const { port, events } = createFakeCall();
    injection.offer(port);
    injection[Symbol.dispose]();
    port.lanes.down.push(bodyOf('a', true));

    expect(events).toEqual(['down a.']);
  });

  it('chooses by its seed, whatever else is drawn', () => {
    const chosen = (seed: number) => {
      const injection = inject(failAlways(), { probability: 0.5 }, seed);
      return Array.from({ length: 40 }, () => {
        const { port, events } = createFakeCall();
        injection.offer(port);
        return events.length;
      }).join('');
    };

    expect(chosen(7)).toBe(chosen(7));
    expect(chosen(7)).not.toBe(chosen(8));
    expect(chosen(7)).toMatch(/01|10/);
  });

  it.each([
    [failAlways(), { rpc: 'Open' }, '"rpc" must be "pkg.Service/Method", "pkg.Service/*" or "*", not "Open"'],
    [refuse(), { rpc: '*' }, '"rpc" does not go with refuse, which hits whole connections'],
    [failAlways(), { direction: 'sideways' as 'up' }, '"direction" must be "up", "down" or "both"'],
    [failAlways(), { times: -1 }, '"times" must be'],
  ])('of %s with %j is refused', (fault, options, message) => {
    expect(() => inject(fault, options)).toThrow(message);
  });
});
