// The recording while it is written: it has limits, and nothing is missing from it untold.
import { describe, expect, it } from 'vitest';
import { createMemoryStore, type LineStore, RecordingLog } from '../../../../packages/kit/recording/recording-log.ts';
import { exchangeOf } from './library-recording.ts';

const exchange = exchangeOf({ bookId: 'b1' }, { book: {} });

function open(limits: { maxExchanges?: number; maxBytes?: number }, store: LineStore = createMemoryStore()) {
  const told: string[] = [];
  const log = new RecordingLog(store, { maxExchanges: 100, maxBytes: 100_000, ...limits }, (text) => told.push(text));
  return { log, told };
}

describe('a recording that is written', () => {
  it('has what was appended', () => {
    const { log } = open({});
    log.append(exchange);

    expect([log.recorded, log.lost, log.read().exchanges.length]).toEqual([1, 0, 1]);
  });

  it('is full after so many exchanges: it says so once, and counts the others', () => {
    const { log, told } = open({ maxExchanges: 2 });
    for (let count = 0; count < 5; count += 1) log.append(exchange);

    expect([log.recorded, log.lost]).toEqual([2, 3]);
    expect(told).toEqual([
      'the recording is full (maxExchanges 2): calls that end from here on, the first of ' +
        'library.v1.LibraryService/GetBook, are not in it',
    ]);
    expect([log.read().exchanges.length, log.read().warnings]).toEqual([2, [`the recording: ${told[0]}`]]);
  });

  it('counts what running calls hold as its own bytes, until they give it back', () => {
    const { log } = open({ maxBytes: 1000 });

    expect([log.claim(900), log.claim(200)]).toEqual([true, false]);
    log.release(900);
    expect(log.claim(200)).toBe(true);
  });

  it('ends when it cannot be written, for what followed a torn line could not be read', () => {
    const lines = createMemoryStore();
    let isDiskFull = false;
    const append = (line: string) => {
      if (isDiskFull) throw new Error('no space left');
      lines.append(line);
    };
    const { log, told } = open({}, { ...lines, append });
    log.append(exchange);
    isDiskFull = true;
    log.append(exchange);
    isDiskFull = false;
    log.append(exchange);

    expect([log.recorded, log.lost, log.read().exchanges.length]).toEqual([1, 2, 1]);
    expect(told).toEqual(['the recording: cannot be written, and is not from here on: no space left']);
  });

  it('keeps the first thousand problems', () => {
    const { log } = open({});
    for (let count = 0; count < 1001; count += 1) log.note(`problem ${count}`);

    expect([log.problems().length, log.problems().at(-1)]).toEqual([1000, 'problem 999']);
  });
});
