// The recording log: its limits, and the report of everything that is missing.
import { describe, expect, it } from 'vitest';
import { createMemoryStore, type LineStore, RecordingLog } from '../../../../packages/kit/recording/recording-log.ts';
import { exchangeOf } from './library-recording.ts';

const exchange = exchangeOf({ bookId: 'b1' }, { book: {} });

function open(limits: { maxExchanges?: number; maxBytes?: number }, store: LineStore = createMemoryStore()) {
  const problems: string[] = [];
  const log = new RecordingLog(store, { maxExchanges: 100, maxBytes: 100_000, ...limits }, (text) =>
    problems.push(text),
  );
  return { log, problems };
}

describe('a recording that is written', () => {
  it('has the appended exchanges', () => {
    const { log } = open({});
    log.append(exchange);

    expect([log.recorded, log.lost, log.read().exchanges.length]).toEqual([1, 0, 1]);
  });

  it('is full after its limit of exchanges, reports that once, and counts later calls', () => {
    const { log, problems } = open({ maxExchanges: 2 });
    for (let count = 0; count < 5; count += 1) log.append(exchange);

    expect([log.recorded, log.lost]).toEqual([2, 3]);
    expect(problems).toEqual([
      'the recording is full (maxExchanges 2): later calls, the first of ' +
        'library.v1.LibraryService/GetBook, are not recorded',
    ]);
    expect([log.read().exchanges.length, log.read().warnings]).toEqual([2, [`the recording: ${problems[0]}`]]);
  });

  it('counts the bytes of calls in flight until they release them', () => {
    const { log } = open({ maxBytes: 1000 });

    expect([log.reserve(900), log.reserve(200)]).toEqual([true, false]);
    log.release(900);
    expect(log.reserve(200)).toBe(true);
  });

  it('ends if it cannot be written, because lines after an incomplete one could not be read', () => {
    const lines = createMemoryStore();
    let isDiskFull = false;
    const append = (line: string) => {
      if (isDiskFull) throw new Error('no space left');
      lines.append(line);
    };
    const { log, problems } = open({}, { ...lines, append });
    log.append(exchange);
    isDiskFull = true;
    log.append(exchange);
    isDiskFull = false;
    log.append(exchange);

    expect([log.recorded, log.lost, log.read().exchanges.length]).toEqual([1, 2, 1]);
    expect(problems).toEqual(['the recording: cannot be written, so the recording ends here: no space left']);
  });

  it('keeps the first thousand problems', () => {
    const { log } = open({});
    for (let count = 0; count < 1001; count += 1) log.report(`problem ${count}`);

    expect([log.problems().length, log.problems().at(-1)]).toEqual([1000, 'problem 999']);
  });
});
