// Faults that break, cut, spoil or answer, on a call without a connection.
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
import { Injection, type InjectOptions } from '../../../../packages/kit/fault-proxy/injection.ts';
import { createFakeCall } from './fake-call.ts';

/** What comes of a call whose answer is `bodies`, and whether the fault counted it. */
function answerThrough(fault: Fault, bodies: string[], options: InjectOptions = { rpc: '*' }) {
  const injection = new Injection(fault, options, 1, 1, () => undefined);
  const call = createFakeCall('box.v1.BoxService/Open', injection.rpc === undefined ? 'connection' : 'call');
  injection.offer(call.port);
  call.send('down', ...bodies);
  return { events: call.events, hits: injection.hits, injection };
}

describe('a reset', () => {
  it('comes in place of the answer', () => {
    expect(answerThrough(reset(), []).events[0]).toBe('reset 2');
  });

  it('comes in the middle of the body, where it is told to', () => {
    const { events, hits } = answerThrough(reset({ afterBytes: 4, http2Code: 8 }), ['abc', 'def']);

    expect([events, hits]).toEqual([['down head', 'down abc', 'down d', 'reset 8'], 1]);
  });

  it('breaks the whole connection when it is told to', () => {
    expect(answerThrough(reset({ breaks: 'connection' }), []).events[0]).toBe('reset all 2');
  });

  it('leaves a body alone that is not longer than its mark', () => {
    const { events, hits } = answerThrough(reset({ afterBytes: 3 }), ['abc']);

    expect([events, hits]).toEqual([['down head', 'down abc', 'down .'], 0]);
  });
});

describe('a half-close', () => {
  it('ends the direction in place of the body, and swallows the rest', () => {
    expect(answerThrough(halfClose(), ['abc', 'def']).events).toEqual(['down head', 'down .']);
  });

  it('lets as much pass as it is told to', () => {
    expect(answerThrough(halfClose({ afterBytes: 5 }), ['abc', 'def']).events).toEqual([
      'down head',
      'down abc',
      'down de',
      'down .',
    ]);
  });

  it('resets what is left of a connection when it is removed', () => {
    const { events, injection } = answerThrough(halfClose(), ['abc'], {});
    injection.remove();

    expect(events.at(-1)).toBe('reset all 0');
  });
});

describe('a truncated message', () => {
  it('ends in the middle, and so does its call', () => {
    const { events, hits } = answerThrough(truncateMessage({ afterBytes: 2 }), ['abc']);

    expect([events, hits]).toEqual([['down head', 'down ab', 'down .', 'close'], 1]);
  });

  it('is not made of one that is short enough', () => {
    const { events, hits } = answerThrough(truncateMessage({ afterBytes: 3 }), ['abc']);

    expect([events, hits]).toEqual([['down head', 'down abc', 'down .'], 0]);
  });
});

describe('a truncated frame', () => {
  it('breaks off in the first body frame that is long enough', () => {
    const { events, hits } = answerThrough(truncateFrame({ afterBytes: 2 }), ['a', 'bcd']);

    expect([events.slice(0, 3), hits]).toEqual([['down head', 'down a', 'tear down bcd at 2'], 1]);
  });
});

describe('garbage', () => {
  it('changes every byte it is told to, the same way for the same seed', () => {
    const spoilt = () => answerThrough(garbage({ bytes: 4 }), ['abc', 'def']).events;
    const [head, first = '', second = '', end] = spoilt();

    expect([head, end]).toEqual(['down head', 'down .']);
    expect(first).not.toMatch(/^down [a]|b.$|c$/);
    expect(second).toMatch(/ef$/);
    expect(second).not.toBe('down def');
    expect(spoilt()).toEqual([head, first, second, end]);
  });

  it('leaves heads and empty bodies alone', () => {
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
    const injection = new Injection(fault(), {}, 1, 1, () => undefined);
    const calls = Array.from({ length: 7 }, (_, index) => ({ number: index + 1, ...createFakeCall() }));
    for (const { port } of calls) injection.offer(port);

    expect(calls.filter(({ events }) => events[0] === 'answer 503').map(({ number }) => number)).toEqual(failed);
    expect([injection.hits, injection.seen]).toEqual([2, 7]);
  });

  it('send GOAWAY, for this call or without it', () => {
    expect(answerThrough(goAway(), []).events[0]).toBe('goaway 0 true');
    expect(answerThrough(goAway({ http2Code: 11, refuses: false }), []).events[0]).toBe('goaway 11 false');
  });
});

describe('faults of whole connections', () => {
  it('refuse them', () => {
    const { events, hits } = answerThrough(refuse(), [], {});

    expect([events[0], hits]).toEqual(['reset 8', 1]);
  });

  it('answer in TLS what was said in plaintext', () => {
    const injection = new Injection(answerInTls(), {}, 1, 1, () => undefined);
    const { port, send, events } = createFakeCall('', 'connection');
    injection.offer(port);
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
  ])('that cannot be used are refused by name: %s', (make, message) => {
    expect(make).toThrow(message);
  });
});
