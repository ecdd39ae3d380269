// The pauses of a replay, out of the times in a recording.
import { describe, expect, it } from 'vitest';
import { pausesOf } from '../../../../packages/kit/recording/recorded-timing.ts';
import { exchangeOf } from './library-recording.ts';

/** An exchange whose messages passed at these times. */
function exchangeAt(requests: readonly (number | undefined)[], responses: readonly number[], durationMs: number) {
  const message = (atMs: number | undefined) => ({ message: {}, ...(atMs !== undefined && { atMs }) });
  const exchange = exchangeOf({}, {});
  return {
    ...exchange,
    durationMs,
    request: { ...exchange.request, messages: requests.map(message) },
    response: { ...exchange.response, messages: responses.map(message) },
  };
}

describe('the pauses of an exchange', () => {
  it.each([
    { of: 'one answer', requests: [2], responses: [40], durationMs: 41, pauses: [38, 1] },
    { of: 'an error', requests: [2], responses: [], durationMs: 50, pauses: [48] },
    { of: 'a stream', requests: [0], responses: [10, 10, 310], durationMs: 400, pauses: [10, 0, 300, 90] },
    { of: 'an answer to a stream', requests: [0, 100, 200], responses: [250], durationMs: 250, pauses: [50, 0] },
    { of: 'a conversation', requests: [0, 500], responses: [20, 530, 900], durationMs: 900, pauses: [20, 30, 370, 0] },
    { of: 'an answer before the last request', requests: [0, 90], responses: [10], durationMs: 95, pauses: [10, 5] },
    { of: 'an answer in the same millisecond', requests: [0, 30], responses: [30], durationMs: 30, pauses: [0, 0] },
    { of: 'a call without messages', requests: [], responses: [], durationMs: 7, pauses: [7] },
  ])('are the times between its messages, and before its end: $of', ({ requests, responses, durationMs, pauses }) => {
    expect(pausesOf(exchangeAt(requests, responses, durationMs))).toEqual(pauses);
  });

  it('are not known if one of its messages has no time', () => {
    expect(pausesOf(exchangeAt([0, undefined], [10], 20))).toBeUndefined();
  });
});
