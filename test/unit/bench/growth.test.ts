import { describe, expect, it } from 'vitest';
import { findShortage, type GrowthFigures, readGrowthSettings, renderGrowth } from '../../bench/growth/report.ts';

const figures: GrowthFigures = {
  orders: 1_000,
  ordersPerSecond: 100,
  p50Ms: 10,
  p99Ms: 40,
  cpuMsPerOrder: 10,
  idleCpu: 0.02,
};

describe('the growth benchmark', () => {
  it('compares every figure with that of the shortest history', () => {
    const longer = { ...figures, orders: 100_000, ordersPerSecond: 90, p99Ms: 50, idleCpu: 0.03 };

    expect(renderGrowth([figures, longer]).split('\n')).toEqual([
      '| history | orders/s | p50 ms | p99 ms | CPU-ms per order | idle CPU |',
      '| ---: | ---: | ---: | ---: | ---: | ---: |',
      '| 1000 | 100.0 | 10.0 | 40.0 | 10.0 | 2.0 % |',
      '| 100000 | 90.0 (0.90 x) | 10.0 (1.00 x) | 50.0 (1.25 x) | 10.0 (1.00 x) | 3.0 % (1.50 x) |',
    ]);
  });

  it('measures histories of 1,000 and 100,000 orders unless told otherwise', () => {
    expect(readGrowthSettings([])).toEqual({ orders: [1_000, 100_000], callers: 32, seconds: 10, warmUpSeconds: 3 });
    expect(readGrowthSettings(['--orders', '5,1000000', '--warm-up', '0'])).toMatchObject({
      orders: [5, 1_000_000],
      warmUpSeconds: 0,
    });
    expect(readGrowthSettings(['--help'])).toBeUndefined();
  });

  it('refuses histories that do not fit on the disk, one at a time', () => {
    expect(findShortage([1_000, 1_000_000], 6.6e9)).toBe(
      '1000000 orders need about 6.7 GB for temporary files, 6.6 GB are free',
    );
    expect(findShortage([1_000_000, 1_000_000], 6.8e9)).toBeUndefined();
  });

  it.each([
    [['--orders', '1,none'], '--orders: none is not an integer from 1 to 10000000'],
    [['--callers', '0'], '--callers: 0 is not an integer from 1 to 1024'],
    [['--order', '5'], "Unknown option '--order'"],
    [['--seconds', '601'], '--seconds: 601 is not an integer from 1 to 600'],
  ])('refuses %j', (given, message) => {
    expect(() => readGrowthSettings(given)).toThrow(message);
  });
});
