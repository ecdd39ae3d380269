import { describe, expect, it } from 'vitest';
import { measureRpcs, type RpcCall, type RpcFigures, WARM_UP_CALLS } from '../../bench/growth/measure-rpcs.ts';
import {
  findShortage,
  type GrowthFigures,
  readGrowthSettings,
  renderGrowth,
  renderRpcs,
} from '../../bench/growth/report.ts';
import { createRpcCalls } from '../../bench/growth/rpc-calls.ts';
import { openConnection } from '../../support/clients.ts';
import { EVERY_SERVICE } from '../../support/identity/every-service.ts';

const figures: GrowthFigures = {
  orders: 1_000,
  ordersPerSecond: 100,
  p50Ms: 10,
  p99Ms: 40,
  cpuMsPerOrder: 10,
  idleCpu: 0.02,
  rpcs: [],
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

  it('compares the times of each RPC with those of the first history', () => {
    const of = (p50Ms: number, p99Ms: number): RpcFigures[] => [
      { name: 'GetOrder', p50Ms, p99Ms },
      { name: 'ListOrders (all)', p50Ms: 10 * p50Ms, p99Ms: 100 * p99Ms },
    ];
    const longer = { ...figures, orders: 100_000, rpcs: of(1.5, 6) };

    expect(renderRpcs([{ ...figures, rpcs: of(1, 4) }, longer]).split('\n')).toEqual([
      '| RPC | p50 ms, 1000 | p50 ms, 100000 | p99 ms, 1000 | p99 ms, 100000 |',
      '| --- | ---: | ---: | ---: | ---: |',
      '| GetOrder | 1.00 | 1.50 (1.50 x) | 4.00 | 6.00 (1.50 x) |',
      '| ListOrders (all) | 10.0 | 15.0 (1.50 x) | 400 | 600 (1.50 x) |',
    ]);
    expect(renderRpcs([figures])).toBe('');
  });

  it('measures histories of 1,000 and 100,000 orders unless told otherwise', () => {
    expect(readGrowthSettings([])).toEqual({
      orders: [1_000, 100_000],
      callers: 32,
      seconds: 10,
      warmUpSeconds: 3,
      calls: 300,
    });
    expect(readGrowthSettings(['--orders', '5,1000000', '--warm-up', '0', '--calls', '0'])).toMatchObject({
      orders: [5, 1_000_000],
      warmUpSeconds: 0,
      calls: 0,
    });
    expect(readGrowthSettings(['--help'])).toBeUndefined();
  });

  it('refuses histories that do not fit on the disk, one at a time', () => {
    for (const orders of [
      [1_000, 1_000_000],
      [1_000_000, 1_000],
    ])
      expect(findShortage(orders, 6.6e9)).toBe('1000000 orders need about 6.7 GB for temporary files, 6.6 GB are free');
    expect(findShortage([1_000_000, 1_000_000], 6.8e9)).toBeUndefined();
  });

  it.each([
    [['--orders', '1,none'], '--orders: none is not an integer from 1 to 10000000'],
    [['--callers', '0'], '--callers: 0 is not an integer from 1 to 1024'],
    [['--order', '5'], "Unknown option '--order'"],
    [['--calls', '10001'], '--calls: 10001 is not an integer from 0 to 10000'],
    [['--seconds', '601'], '--seconds: 601 is not an integer from 1 to 600'],
  ])('refuses %j', (given, message) => {
    expect(() => readGrowthSettings(given)).toThrow(message);
  });
});

describe('the calls of each RPC', () => {
  const { signal } = new AbortController();

  it('include every RPC of the contract', () => {
    using connection = openConnection('http://127.0.0.1:1');
    const calls = createRpcCalls({
      client: (_, service) => connection.client(service),
      orders: 1,
      requests: 1,
      signal,
    });

    const names = new Set(calls.map(({ name }) => name.replace(/ \(.*$/, '')));
    const rpcs = EVERY_SERVICE.flatMap(({ methods }) => methods.map(({ name }) => name));
    expect([...names].sort()).toEqual(rpcs.sort());
  });

  it('are timed one after another, without the warm-up and without what they need beforehand', async () => {
    let nowMs = 0;
    const sent: string[] = [];
    const taking = (name: string, timeOf: (n: number) => number): RpcCall => ({
      name,
      prepare: async () => {
        nowMs += 1_000;
      },
      send: async (n) => {
        sent.push(name);
        nowMs += timeOf(n);
      },
    });
    const calls = [taking('slow at first', (n) => (n < WARM_UP_CALLS ? 500 : 5)), taking('slower', (n) => n)];

    expect(await measureRpcs(calls, 100, signal, () => nowMs)).toEqual([
      { name: 'slow at first', p50Ms: 5, p99Ms: 5 },
      { name: 'slower', p50Ms: WARM_UP_CALLS + 49, p99Ms: WARM_UP_CALLS + 98 },
    ]);
    expect(sent).toHaveLength(2 * (WARM_UP_CALLS + 100));
    expect(sent.lastIndexOf('slow at first')).toBe(sent.indexOf('slower') - 1);
  });

  it('fail with the name of the RPC', async () => {
    const send = () => Promise.reject(new Error('it is down'));

    await expect(measureRpcs([{ name: 'GetOrder', send }], 1, signal)).rejects.toThrow(/^GetOrder: .*it is down$/);
  });

  it('end when the benchmark is stopped', async () => {
    const stop = new AbortController();
    const send = async () => stop.abort(new Error('stopped'));

    await expect(measureRpcs([{ name: 'GetOrder', send }], 1, stop.signal)).rejects.toThrow(/^stopped$/);
  });
});
