// The text of a recording, and the warnings of an incomplete one.
import { describe, expect, it } from 'vitest';
import {
  parseRecording,
  renderExchange,
  renderFull,
  renderHead,
} from '../../../../packages/kit/recording/recording-format.ts';
import { exchangeOf } from './library-recording.ts';

const { number: _, ...first } = exchangeOf({ bookId: 'b1' }, { book: { title: 'Emma\n"x"' } });
const second = { ...first, durationMs: 8 };
const withField = (name: string, value: unknown) => renderHead() + renderExchange({ ...first, [name]: value });
const whole = renderHead() + renderExchange(first) + renderExchange(second);

describe('the text of a recording', () => {
  it('is one line for each exchange, and is parsed to the same exchanges', () => {
    expect(whole.split('\n')).toHaveLength(4);
    expect(parseRecording(whole, 'r.ndjson')).toEqual({
      exchanges: [
        { number: 1, ...first },
        { number: 2, ...second },
      ],
      warnings: [],
    });
  });

  it('that ends anywhere in its last line has the exchanges before it, and a warning', () => {
    const start = renderHead().length + renderExchange(first).length;

    for (const end of [start + 1, start + 40, whole.length - 1]) {
      const { exchanges, warnings } = parseRecording(whole.slice(0, end), 'r.ndjson');
      expect(exchanges).toHaveLength(1);
      expect(warnings).toEqual(['r.ndjson: the last line is incomplete and left out']);
    }
  });

  it('states why later calls are missing', () => {
    const { warnings } = parseRecording(whole + renderFull('the recording is full'), 'r.ndjson');

    expect(warnings).toEqual(['r.ndjson: the recording is full']);
  });

  it.each([
    ['', 'r.ndjson: is not a recording'],
    ['{"consumer":{}}\n', 'r.ndjson: is not a recording'],
    ['7\n', 'r.ndjson:1: is not an object'],
    ['{"touchstone":"recording","formatVersion":2}\n', 'r.ndjson: has the format version 2, but only 1 can be read'],
    [`${renderHead()}{"exch\n${renderExchange(first)}`, 'r.ndjson:2: is not JSON'],
    [`${renderHead()}{"exchange":7}\n`, 'r.ndjson:2: is not an exchange: rpc is not the name of an RPC'],
    [
      `${renderHead()}{"exchange":{"rpc":"a/B"}}\n`,
      'r.ndjson:2: is not an exchange: startedAt is not a time in RFC 3339',
    ],
    [withField('startedAt', 'now'), 'r.ndjson:2: is not an exchange: startedAt is not'],
    [withField('request', { headers: {}, messages: [{}] }), 'request.messages is not a list of objects with a message'],
    [withField('request', { messages: [] }), 'request.headers is not an object'],
    [withField('response', { ...first.response, messages: {} }), 'response.messages is not a list'],
    [withField('response', { ...first.response, trailers: [] }), 'response.trailers is not an object'],
    [withField('response', { ...first.response, error: { code: 5 } }), 'response.error is not an object with a code'],
  ])('is refused with its line: %j', (text, fault) => {
    expect(() => parseRecording(text, 'r.ndjson')).toThrow(fault);
  });
});
