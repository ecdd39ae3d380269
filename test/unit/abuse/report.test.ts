import { describe, expect, it } from 'vitest';
import { type AttackFigures, calmP99, findProblems, quantile, renderTable } from '../../abuse/report.ts';
import { readAbuseSettings } from '../../abuse/settings.ts';

const MIB = 1024 * 1024;
const orders = (...latenciesMs: number[]) => ({ latenciesMs, failures: [] });

const held: AttackFigures = {
  attack: 'slow headers',
  before: orders(40, 50, 60),
  during: orders(50, 70, 120),
  memory: { before: 100 * MIB, max: 300 * MIB, after: 120 * MIB },
  isHealthy: true,
  outcomes: { closed: 3 },
};

describe('an attack', () => {
  it('was withstood when honest orders are at most twice as slow, and nothing is kept', () => {
    expect(findProblems(held, 60)).toEqual([]);
  });

  it.each<[Partial<AttackFigures>, string]>([
    [{ during: orders(50, 121) }, 'p99 121 ms instead of at most 120 ms'],
    [{ during: { latenciesMs: [50], failures: ['unavailable', 'broken'] } }, '2 orders failed: unavailable'],
    [{ during: orders() }, 'no order was accepted'],
    [{ memory: { ...held.memory, max: 357 * MIB } }, 'memory grew by 257 MiB'],
    [{ memory: { ...held.memory, after: 197 * MIB } }, '97 MiB were kept'],
    [{ isHealthy: false }, 'health was not SERVING'],
    [{ outcomes: {} }, 'the attack saw nothing: it did not reach the service'],
  ])('was not withstood: %j', (change, problem) => {
    expect(findProblems({ ...held, ...change }, 60)).toEqual([problem]);
  });

  it('is compared with the orders of all moments without one, and with no less than 25 ms', () => {
    expect(calmP99([held, { ...held, before: orders(1, 200) }])).toBe(200);
    expect(findProblems({ ...held, during: orders(50) }, 1)).toEqual([]);
    expect(findProblems({ ...held, during: orders(51) }, 1)).toEqual(['p99 51 ms instead of at most 50 ms']);
  });

  it('has a row in the table, with what the attacker saw and the verdict', () => {
    const [header, row, failed] = renderTable([held, { ...held, isHealthy: false }]).split('\n');

    expect(header).toMatch(/^attack +p99 before +p99 during/);
    expect(row).toMatch(/^slow headers +60 ms +120 ms +100 MiB +300 MiB +120 MiB +3 closed +held$/);
    expect(failed).toMatch(/FAILED: health was not SERVING$/);
  });
});

it('the quantile is a latency that occurred', () => {
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([3, 1, 2], 0.99)).toBe(3);
  expect(quantile([], 0.99)).toBe(0);
});

describe('the command line of an abuse run', () => {
  it('has defaults, and takes what is given', () => {
    expect(readAbuseSettings([])).toEqual({ only: undefined, seconds: 12, ordersPerSecond: 8 });
    expect(readAbuseSettings(['--only', 'ops', '--seconds', '3', '--rate', '1'])).toEqual({
      only: 'ops',
      seconds: 3,
      ordersPerSecond: 1,
    });
    expect(readAbuseSettings(['--help'])).toBeUndefined();
  });

  it.each([
    ['--seconds', '2'],
    ['--seconds', '61'],
    ['--rate', '0'],
    ['--rate', '1e1'],
  ])('refuses %s %s', (...args) => {
    expect(() => readAbuseSettings(args)).toThrow(args[0]);
  });
});
