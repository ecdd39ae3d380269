// The faults that delay: latency, bandwidth, black hole, partition and slow close, with fake timers.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fault } from '../../../../packages/kit/fault-proxy/core/fault.ts';
import { bandwidth } from '../../../../packages/kit/fault-proxy/faults/bandwidth.ts';
import { blackHole } from '../../../../packages/kit/fault-proxy/faults/black-hole.ts';
import { latency } from '../../../../packages/kit/fault-proxy/faults/latency.ts';
import { partition } from '../../../../packages/kit/fault-proxy/faults/partition.ts';
import { slowClose } from '../../../../packages/kit/fault-proxy/faults/slow-close.ts';
import type { InjectOptions } from '../../../../packages/kit/fault-proxy/injected-fault.ts';
import { bodyOf, createFakeCall, createInjectedFault } from './fake-call.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function hit(fault: Fault, options: InjectOptions = {}, seed = 1) {
  const injected = createInjectedFault(fault, options, seed);
  const call = createFakeCall('box.v1.BoxService/Open', injected.rpc === undefined ? 'connection' : 'call');
  injected.offer(call.target);
  return { ...call, injected };
}

describe('latency', () => {
  it('delays everything by the same time and keeps the order', () => {
    const { send, events, injected } = hit(latency({ delayMs: 100 }), { rpc: '*' });
    send('down', 'a', 'b');

    vi.advanceTimersByTime(99);
    expect(events).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(events).toEqual(['down head', 'down a', 'down b', 'down .']);
    expect(injected.hits).toBe(1);
  });

  it('does not delay the other direction', () => {
    const { send, events } = hit(latency({ delayMs: 100 }), { rpc: '*' });
    send('up', 'a');

    expect(events).toEqual(['up head', 'up a', 'up .']);
  });

  it('draws its jitter from the seed, within its bounds, and keeps the order', () => {
    const arrivals = (seed: number) => {
      const { target, events } = hit(latency({ delayMs: 50, jitterMs: 100 }), { rpc: '*' }, seed);
      for (const text of 'abcdefgh') target.pipes.down.push(bodyOf(text));
      return Array.from({ length: 151 }, (_, ms) => {
        if (ms > 0) vi.advanceTimersByTime(1);
        return events.length;
      });
    };
    const [first, again, other] = [arrivals(7), arrivals(7), arrivals(8)];

    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    expect([first[49], first[150]]).toEqual([0, 8]);
  });

  it('passes on everything at once when it is removed', () => {
    const { send, events, injected } = hit(latency({ delayMs: 60_000 }), { rpc: '*' });
    send('down', 'a');
    injected.remove();

    expect(events).toEqual(['down head', 'down a', 'down .']);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('bandwidth', () => {
  it('passes payload at its rate, in slices', () => {
    const { send, events } = hit(bandwidth({ bytesPerSecond: 100 }), { rpc: '*' });
    send('down', 'x'.repeat(50));
    const passed = () => events.join('').replaceAll(/[^x]/g, '').length;

    expect(events).toEqual(['down head']);
    vi.advanceTimersByTime(250);
    expect(passed()).toBe(25);
    vi.advanceTimersByTime(250);
    expect(passed()).toBe(50);
    expect(events.at(-1)).toBe('down .');
  });

  it('does not accumulate unused bandwidth', () => {
    const { target, events } = hit(bandwidth({ bytesPerSecond: 20 }), { rpc: '*' });
    vi.advanceTimersByTime(10_000);
    target.pipes.down.push(bodyOf('ab'));
    vi.advanceTimersByTime(50);

    expect(events).toEqual(['down a']);
  });

  it('holds no bytes once all have passed', () => {
    const { send, target } = hit(bandwidth({ bytesPerSecond: 1000 }), { rpc: '*' });
    send('down', 'x'.repeat(500));
    expect(target.pipes.down.heldBytes).toBeGreaterThanOrEqual(450);

    vi.advanceTimersByTime(500);
    expect(target.pipes.down.heldBytes).toBe(0);
  });
});

describe('a black hole', () => {
  it('holds both directions until it is removed', () => {
    const { send, events, injected } = hit(blackHole(), { rpc: '*' });
    send('up', 'a');
    send('down', 'b');
    vi.advanceTimersByTime(3_600_000);
    expect(events).toEqual([]);

    injected.remove();
    expect(events).toEqual(['up head', 'up a', 'up .', 'down head', 'down b', 'down .']);
  });

  it('discards a call that its client has given up', () => {
    const { send, events, leave } = hit(blackHole(), { rpc: '*' });
    send('up', 'a');
    leave();

    expect(events).toEqual(['drop']);
  });

  it('does not affect a call that ends after its removal', () => {
    const { send, events, leave, injected } = hit(blackHole(), { rpc: '*' });
    injected.remove();
    send('up', 'a');
    leave();

    expect(events).not.toContain('drop');
  });

  it('counts no hit while nothing is sent', () => {
    expect(hit(blackHole(), { rpc: '*' }).injected.hits).toBe(0);
  });
});

describe('a partition', () => {
  it('blocks one direction only, and delivers what it held when it heals', () => {
    const { send, events, injected, leave } = hit(partition(), { direction: 'up' });
    send('up', 'a');
    send('down', 'b');
    leave();
    expect(events).toEqual(['down head', 'down b', 'down .']);

    injected.remove();
    expect(events.slice(3)).toEqual(['up head', 'up a', 'up .']);
  });
});

describe('a slow close', () => {
  it('delays the end together with the last byte of the body', () => {
    const { target, events } = hit(slowClose({ delayMs: 100 }), { rpc: '*' });
    target.pipes.down.push(bodyOf('abc', true));

    expect(events).toEqual(['down ab']);
    vi.advanceTimersByTime(100);
    expect(events).toEqual(['down ab', 'down c.']);
  });
});
