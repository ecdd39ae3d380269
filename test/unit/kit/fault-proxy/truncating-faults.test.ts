// The faults that reset, truncate, corrupt or answer, on a call without a connection.
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../../packages/kit/fault-proxy/core/fault.ts';
import { answerInTls } from '../../../../packages/kit/fault-proxy/faults/answer-in-tls.ts';
import { bandwidth } from '../../../../packages/kit/fault-proxy/faults/bandwidth.ts';
import { failAlways } from '../../../../packages/kit/fault-proxy/faults/fail-always.ts';
import { failEvery } from '../../../../packages/kit/fault-proxy/faults/fail-every.ts';
import { failFirst } from '../../../../packages/kit/fault-proxy/faults/fail-first.ts';
import { garbage } from '../../../../packages/kit/fault-proxy/faults/garbage.ts';
import { goAway } from '../../../../packages/kit/fault-proxy/faults/go-away.ts';
import { halfClose } from '../../../../packages/kit/fault-proxy/faults/half-close.ts';
import { latency } from '../../../../packages/kit/fault-proxy/faults/latency.ts';
import { refuse } from '../../../../packages/kit/fault-proxy/faults/refuse.ts';
import { reset } from '../../../../packages/kit/fault-proxy/faults/reset.ts';
import { truncateFrame } from '../../../../packages/kit/fault-proxy/faults/truncate-frame.ts';
import { truncateMessage } from '../../../../packages/kit/fault-proxy/faults/truncate-message.ts';
import type { InjectOptions } from '../../../../packages/kit/fault-proxy/injected-fault.ts';
import { createFakeCall, createInjectedFault } from './fake-call.ts';

/** Sends an answer with these body parts through a fault. Returns the events and the count of hits. */
function answerThrough(fault: Fault, bodies: string[], options: InjectOptions = { rpc: '*' }) {
  const injected = createInjectedFault(fault, options, 1);
  const call = createFakeCall('box.v1.BoxService/Open', injected.rpc === undefined ? 'connection' : 'call');
  injected.offer(call.target);
  call.send('down', ...bodies);
  return { events: call.events, hits: injected.hits, injected };
}

describe('a reset', () => {
  it('comes in place of the answer', () => {
    expect(answerThrough(reset(), []).events[0]).toBe('reset 2');
  });

  it('comes after `afterBytes` bytes of the body', () => {
    const { events, hits } = answerThrough(reset({ afterBytes: 4, http2Code: 8 }), ['abc', 'def']);

    expect([events, hits]).toEqual([['down head', 'down abc', 'down d', 'reset 8'], 1]);
  });

  it('breaks the whole connection if configured so', () => {
    expect(answerThrough(reset({ breaks: 'connection' }), []).events[0]).toBe('reset all 2');
  });

  it('does not affect a body that is not longer than `afterBytes`', () => {
    const { events, hits } = answerThrough(reset({ afterBytes: 3 }), ['abc']);

    expect([events, hits]).toEqual([['down head', 'down abc', 'down .'], 0]);
  });
});

describe('a half-close', () => {
  it('ends the direction in place of the body, and discards the rest', () => {
    expect(answerThrough(halfClose(), ['abc', 'def']).events).toEqual(['down head', 'down .']);
  });

  it('passes the first `afterBytes` bytes', () => {
    expect(answerThrough(halfClose({ afterBytes: 5 }), ['abc', 'def']).events).toEqual([
      'down head',
      'down abc',
      'down de',
      'down .',
    ]);
  });

  it('resets a half-closed connection when it is removed', () => {
    const { events, injected } = answerThrough(halfClose(), ['abc'], {});
    injected.remove();

    expect(events.at(-1)).toBe('reset all 0');
  });
});

describe('a truncated message', () => {
  it('ends in the middle and closes its call', () => {
    const { events, hits } = answerThrough(truncateMessage({ afterBytes: 2 }), ['abc']);

    expect([events, hits]).toEqual([['down head', 'down ab', 'down .', 'close'], 1]);
  });

  it('does not affect a message that is short enough', () => {
    const { events, hits } = answerThrough(truncateMessage({ afterBytes: 3 }), ['abc']);

    expect([events, hits]).toEqual([['down head', 'down abc', 'down .'], 0]);
  });
});

describe('a truncated frame', () => {
  it('breaks off in the first body frame that is long enough', () => {
    const { events, hits } = answerThrough(truncateFrame({ afterBytes: 2 }), ['a', 'bcd']);

    expect([events.slice(0, 3), hits]).toEqual([['down head', 'down a', 'truncate down bcd at 2'], 1]);
  });
});

describe('garbage', () => {
  it('changes the first `bytes` bytes, in the same way for the same seed', () => {
    const corrupted = () => answerThrough(garbage({ bytes: 4 }), ['abc', 'def']).events;
    const [head, first = '', second = '', end] = corrupted();

    expect([head, end]).toEqual(['down head', 'down .']);
    expect(first).not.toMatch(/^down [a]|b.$|c$/);
    expect(second).toMatch(/ef$/);
    expect(second).not.toBe('down def');
    expect(corrupted()).toEqual([head, first, second, end]);
  });

  it('does not change heads and empty bodies', () => {
    const { events, hits } = answerThrough(garbage(), []);

    expect([events, hits]).toEqual([['down head', 'down .'], 0]);
  });
});

describe('faults of whole calls', () => {
  it('answer in place of the upstream service', () => {
    expect(answerThrough(failAlways(429), []).events[0]).toBe('answer 429');
  });

  it.each([
    { name: 'fail first', fault: () => failFirst(2), failed: [1, 2] },
    { name: 'fail every Nth', fault: () => failEvery(3), failed: [3, 6] },
  ])('$name', ({ fault, failed }) => {
    const injected = createInjectedFault(fault(), {}, 1);
    const calls = Array.from({ length: 7 }, (_, index) => ({ number: index + 1, ...createFakeCall() }));
    for (const { target } of calls) injected.offer(target);

    expect(calls.filter(({ events }) => events[0] === 'answer 503').map(({ number }) => number)).toEqual(failed);
    expect([injected.hits, injected.seen]).toEqual([2, 7]);
  });

  it('send GOAWAY that includes or excludes the call', () => {
    expect(answerThrough(goAway(), []).events[0]).toBe('goaway 0 true');
    expect(answerThrough(goAway({ http2Code: 11, refuses: false }), []).events[0]).toBe('goaway 11 false');
  });
});

describe('faults of whole connections', () => {
  it('refuse them', () => {
    const { events, hits } = answerThrough(refuse(), [], {});

    expect([events[0], hits]).toEqual(['reset 8', 1]);
  });

  it('answer plaintext with a TLS alert', () => {
    const injected = createInjectedFault(answerInTls(), {}, 1);
    const { target, send, events } = createFakeCall('', 'connection');
    injected.offer(target);
    send('up', 'GET /');

    expect(events[0]).toBe(`down ${String.fromCharCode(21, 3, 1, 0, 2, 2, 10)}`);
    expect(events[1]).toBe('close');
  });
});

describe('settings', () => {
  it.each([
    [() => latency({ delayMs: -1 }), '"delayMs" must be a number of at least 0'],
    [() => latency({ delayMs: 1, jitterMs: Number.NaN }), '"jitterMs" must be a number of at least 0'],
    [() => bandwidth({ bytesPerSecond: 0 }), '"bytesPerSecond" must be a number of at least 1'],
    [() => reset({ afterBytes: 0.5 }), '"afterBytes" must be a whole number of at least 0'],
    [() => truncateMessage({ afterBytes: 0 }), '"afterBytes" must be a whole number of at least 1'],
    [() => garbage({ bytes: 0 }), '"bytes" must be a whole number of at least 1'],
    [() => goAway({ http2Code: -1 }), '"http2Code" must be a whole number from 0 to 4294967295'],
    [() => failFirst(0), '"count" must be a whole number of at least 1'],
    [() => failEvery(0), '"interval" must be a whole number of at least 1'],
    [() => failAlways(200), '"status" must be a whole number from 400 to 599'],
  ])('are refused by name if they are invalid: %s', (make, message) => {
    expect(make).toThrow(message);
  });
});
