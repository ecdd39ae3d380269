// A fault that is switched on: the targets it selects, its counts, and its removal.
import { describe, expect, it } from 'vitest';
import { createStatelessStage } from '../../../../packages/kit/fault-proxy/core/chunk.ts';
import type { Fault } from '../../../../packages/kit/fault-proxy/core/fault.ts';
import { failAlways } from '../../../../packages/kit/fault-proxy/faults/fail-always.ts';
import { latency } from '../../../../packages/kit/fault-proxy/faults/latency.ts';
import { refuse } from '../../../../packages/kit/fault-proxy/faults/refuse.ts';
import { reset } from '../../../../packages/kit/fault-proxy/faults/reset.ts';
import { bodyOf, createFakeCall, createInjectedFault } from './fake-call.ts';

describe('an injected fault', () => {
  it.each([
    { rpc: 'box.v1.BoxService/Open', hits: 1 },
    { rpc: 'box.v1.BoxService/*', hits: 2 },
    { rpc: '*', hits: 3 },
    { rpc: 'v1.BoxService/Open', hits: 0 },
  ])('for $rpc affects the calls it names and no others', ({ rpc, hits }) => {
    const injected = createInjectedFault(failAlways(), { rpc });
    for (const name of ['box.v1.BoxService/Open', 'box.v1.BoxService/Close', 'box.v1.BoxServices/Open']) {
      injected.offer(createFakeCall(name).target);
    }

    expect([injected.hits, injected.seen]).toEqual([hits, hits]);
  });

  it('for connections affects no calls, and one for calls no connections', () => {
    const ofConnections = createInjectedFault(latency({ delayMs: 1 }));
    const ofCalls = createInjectedFault(latency({ delayMs: 1 }), { rpc: '*' });
    for (const injected of [ofConnections, ofCalls]) {
      injected.offer(createFakeCall().target);
      injected.offer(createFakeCall('', 'connection').target);
    }

    expect([ofConnections.seen, ofCalls.seen]).toEqual([1, 1]);
  });

  it('affects every call if it hits only calls and no RPC is named', () => {
    expect(createInjectedFault(failAlways()).rpc).toBe('*');
  });

  it('counts a call once, however often it affects it', () => {
    const fault: Fault = {
      name: 'nibble',
      hits: 'either',
      directions: ['up', 'down'],
      apply: (context) => {
        for (const direction of context.directions) {
          context.insertStage(
            direction,
            createStatelessStage((chunk, pass) => {
              context.countHit();
              pass(chunk);
            }),
          );
        }
      },
    };
    const injected = createInjectedFault(fault, { rpc: '*' });
    const { target, send } = createFakeCall();
    injected.offer(target);
    expect(injected.hits).toBe(0);
    send('up', 'a');
    send('down', 'b');

    expect(injected.hits).toBe(1);
  });

  it('acts in the direction of its options', () => {
    const injected = createInjectedFault(reset(), { rpc: '*', direction: 'up' });
    const { target, send, events } = createFakeCall();
    injected.offer(target);
    send('down', 'a');
    expect(injected.hits).toBe(0);
    send('up', 'a');

    expect(events).toContain('reset 2');
  });

  it('affects nothing once it is removed, and keeps its counts', () => {
    const injected = createInjectedFault(failAlways());
    injected.offer(createFakeCall().target);
    injected.remove();
    injected.remove();
    injected.offer(createFakeCall().target);

    expect([injected.hits, injected.seen]).toEqual([1, 1]);
  });

  it('removes its stages from calls in flight', () => {
    const injected = createInjectedFault(reset(), { rpc: '*' });
    const { target, events } = createFakeCall();
    injected.offer(target);
    injected[Symbol.dispose]();
    target.pipes.down.push(bodyOf('a', true));

    expect(events).toEqual(['down a.']);
  });

  it('selects calls by its seed', () => {
    const chosen = (seed: number, sequenceNumber = 1) => {
      const injected = createInjectedFault(failAlways(), { probability: 0.5 }, seed, sequenceNumber);
      return Array.from({ length: 40 }, () => {
        const { target, events } = createFakeCall();
        injected.offer(target);
        return events.length;
      }).join('');
    };

    expect(chosen(7)).toBe(chosen(7));
    expect(chosen(7)).not.toBe(chosen(8));
    // Two faults of a proxy do not hit the same calls.
    expect(chosen(7)).not.toBe(chosen(7, 2));
    expect(chosen(7)).toMatch(/01|10/);
  });

  it.each([
    [failAlways(), { rpc: 'Open' }, '"rpc" must be "pkg.Service/Method", "pkg.Service/*" or "*", not "Open"'],
    [refuse(), { rpc: '*' }, '"rpc" does not apply to refuse, which hits whole connections'],
    [failAlways(), { direction: 'sideways' as 'up' }, '"direction" must be "up", "down" or "both"'],
    [failAlways(), { times: -1 }, '"times" must be'],
  ])('is refused for %s with %j', (fault, options, message) => {
    expect(() => createInjectedFault(fault, options)).toThrow(message);
  });
});
