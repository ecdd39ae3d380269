// Repeated runs: their settings, their order, and the report of what failed.
import { describe, expect, it, vi } from 'vitest';
import { repeatRuns } from '../../support/repeat/repeat.ts';
import { describeRun, type RunResult, renderReport } from '../../support/repeat/report.ts';
import { listFailures } from '../../support/repeat/run-results.ts';
import { readRepeatSettings } from '../../support/repeat/settings.ts';

const chooseSeed = () => 42;
const passed = (seed: number): RunResult => ({
  seed,
  hasBusyCore: seed % 2 === 1,
  seconds: 1,
  failures: [],
  log: 'a.log',
});
const failed = (seed: number, ...failures: string[]): RunResult => ({ ...passed(seed), failures });

describe('the settings', () => {
  it('have the number of runs, a seed, and what is passed to vitest', () => {
    expect(readRepeatSettings(['--runs=20', '--', '--project', 'unit', 'a.test.ts'], chooseSeed)).toEqual({
      runs: 20,
      firstSeed: 42,
      vitestArguments: ['--project', 'unit', 'a.test.ts'],
    });
    expect(readRepeatSettings(['--runs=1', '--seed=0', '--'], chooseSeed)).toMatchObject({ runs: 1, firstSeed: 0 });
  });

  it.each(['0', '-1', '1.5', 'abc', '', '1e3', ' 2', '12345678901'])(
    'refuse %j as a number of runs, and name N',
    (runs) => {
      expect(() => readRepeatSettings([`--runs=${runs}`], chooseSeed)).toThrow(
        `N: "${runs}" is not a positive integer`,
      );
    },
  );

  it('refuse no number of runs', () => {
    expect(() => readRepeatSettings([], chooseSeed)).toThrow('N: "" is not a positive integer');
  });

  it.each(['-1', 'abc', '4294967295'])(
    'refuse the seed %s, which leaves no seeds for two runs, and name SEED',
    (seed) => {
      expect(() => readRepeatSettings(['--runs=2', `--seed=${seed}`], chooseSeed)).toThrow(
        `SEED: "${seed}" is not an integer from 0 to 4294967294`,
      );
    },
  );
});

describe('repeated runs', () => {
  const settings = (runs: number, firstSeed: number) => ({ runs, firstSeed, vitestArguments: [] });
  const signal = new AbortController().signal;

  it('have consecutive seeds, and a busy core in every second run: that with an odd seed', async () => {
    const runOnce = vi.fn(async ({ seed }: { seed: number }) => passed(seed));

    await repeatRuns(settings(4, 10), { runOnce, print: vi.fn() }, signal);

    expect(runOnce.mock.calls).toEqual([
      [{ seed: 10, hasBusyCore: false }],
      [{ seed: 11, hasBusyCore: true }],
      [{ seed: 12, hasBusyCore: false }],
      [{ seed: 13, hasBusyCore: true }],
    ]);
  });

  it('go on after a failure, and print a line for each', async () => {
    const print = vi.fn();

    const results = await repeatRuns(settings(3, 1), { runOnce: async ({ seed }) => failed(seed, 'a'), print }, signal);

    expect(results.map(({ seed }) => seed)).toEqual([1, 2, 3]);
    expect(print.mock.calls.map(([line]) => line.trim().slice(0, 3))).toEqual(['1/3', '2/3', '3/3']);
  });

  it('end when they are called off, without the result of the run that was interrupted', async () => {
    const stop = new AbortController();
    const runOnce = vi.fn(async ({ seed }: { seed: number }) => {
      if (seed === 2) stop.abort();
      return failed(seed, 'a');
    });

    const results = await repeatRuns(settings(9, 1), { runOnce, print: vi.fn() }, stop.signal);

    expect(results.map(({ seed }) => seed)).toEqual([1]);
    expect(runOnce).toHaveBeenCalledTimes(2);
  });
});

describe('the line of a run', () => {
  it('has its number, result, seconds and seed', () => {
    expect(describeRun({ ...passed(8), seconds: 143.21 }, 3, 20)).toBe('   3/20   passed     143.2 s   seed 8');
  });

  it('of a failed one with a busy core says so, and where its output is', () => {
    expect(describeRun(failed(9, 'a', 'b'), 4, 20)).toBe(
      '   4/20   FAILED       1.0 s   seed 9, busy core   2 failures, see a.log',
    );
  });
});

describe('the report', () => {
  it('of passed runs is their number', () => {
    expect(renderReport([passed(1)], 1)).toBe('1 of 1 run passed.');
  });

  it('counts each failure once a run, the most frequent first, with the seeds that repeat it', () => {
    const results = [failed(1, 'once'), passed(2), failed(3, 'often', 'often'), failed(4, 'often')];

    expect(renderReport(results, 4).split('\n')).toEqual([
      '  failed   test',
      '       2   often',
      '           seeds: 3 4',
      '       1   once',
      '           seeds: 1',
      '',
      '1 of 4 runs passed.',
      'Repeat a run: make test-repeat N=1 SEED=<seed>, with the same FILE, PROJECT and TEST_ARGS.',
    ]);
  });

  it('says when runs are missing', () => {
    expect(renderReport([passed(1), passed(2)], 20)).toBe('2 of 2 runs passed. Called off after 2 of 20.');
  });
});

describe('the failures of a run', () => {
  const list = (...testResults: object[]) => listFailures(JSON.stringify({ testResults }), '/repository');
  const test = (status: string, title: string) => ({ ancestorTitles: ['a breaker'], title, status });

  it('are the tests that failed, by file, group and title', () => {
    const assertionResults = [test('passed', 'opens'), test('failed', 'closes'), test('skipped', 'probes')];

    expect(list({ name: '/repository/test/unit/a.test.ts', status: 'failed', assertionResults })).toEqual([
      'test/unit/a.test.ts > a breaker > closes',
    ]);
  });

  it('include a file that failed although no test of it did', () => {
    const file = { name: '/repository/test/unit/a.test.ts', status: 'failed' };

    expect(list({ ...file, assertionResults: [] }, { ...file, assertionResults: [test('passed', 'opens')] })).toEqual([
      'test/unit/a.test.ts > outside its tests',
      'test/unit/a.test.ts > outside its tests',
    ]);
  });

  it('include each error that belongs to no test, by its first line', () => {
    const text = JSON.stringify({ testResults: [], unhandledErrors: ['Error: read ECONNRESET\n    at TCP'] });

    expect(listFailures(text, '/repository')).toEqual(['outside the tests: Error: read ECONNRESET']);
  });

  it('are none when all tests passed or were skipped', () => {
    expect(
      list({ name: '/a', status: 'passed', assertionResults: [test('passed', 'a'), test('pending', 'b')] }),
    ).toEqual([]);
  });

  it('are not read from another kind of file', () => {
    expect(() => listFailures('{}', '/repository')).toThrow('unexpected results of vitest');
  });
});
