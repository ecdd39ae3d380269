import { describe, expect, it } from 'vitest';
import type { RunFigures } from '../../bench/orders/figures.ts';
import { type OrderSteps, type PlacedOrder, placeOrder, type RunStep } from '../../bench/peers/order-steps.ts';
import { PeerUnavailable, readPeerVersions } from '../../bench/peers/peer-packages.ts';
import { runPlainly } from '../../bench/peers/plain-loop.ts';
import {
  compareWithPeers,
  type PeerCircumstances,
  renderReport,
  summarise,
  toSeries,
} from '../../bench/peers/report.ts';
import type { PeerRun } from '../../bench/peers/run.ts';
import { readPeerSettings } from '../../bench/peers/settings.ts';
import {
  describeSystem,
  ENGINES,
  listSystems,
  orderOfRound,
  SETTINGS,
  type System,
} from '../../bench/peers/systems.ts';
import { renderPlot } from '../../bench/plot.ts';

const ALL = listSystems(ENGINES, SETTINGS);
const OURS: System = { engine: 'ours' };
const RESTATE: System = { engine: 'restate', setting: 'participant' };

describe('the systems', () => {
  it('are each peer over both participants, and ours once', () => {
    expect(ALL.map(describeSystem)).toEqual([
      'plain loop over the participant',
      'Restate over the participant',
      'DBOS over the participant',
      'plain loop over our services',
      'Restate over our services',
      'DBOS over our services',
      'ours',
    ]);
    expect(listSystems(['ours', 'restate'], ['participant'])).toEqual([RESTATE, OURS]);
  });

  it('are all measured in each round, in an order that begins elsewhere and turns around', () => {
    const orders = [1, 2, 3, 7, 8].map((round) => orderOfRound(ALL, round).map((system) => ALL.indexOf(system)));

    expect(orders).toEqual([
      [0, 1, 2, 3, 4, 5, 6],
      [0, 6, 5, 4, 3, 2, 1],
      [2, 3, 4, 5, 6, 0, 1],
      [6, 0, 1, 2, 3, 4, 5],
      [6, 5, 4, 3, 2, 1, 0],
    ]);
  });
});

describe('the steps of an order', () => {
  const order: PlacedOrder = { orderId: 'o1', customerId: 'c1', paymentMethod: 'pm', lines: [] };

  /** Records the steps in the order in which they run. */
  const stepsThat = (answers: Partial<OrderSteps>) => {
    const done: string[] = [];
    const steps: OrderSteps = {
      reserve: async () => 'r1',
      charge: async () => true,
      confirm: async (_order, id) => void done.push(`confirmed ${id}`),
      release: async (_order, id) => void done.push(`released ${id}`),
      ...answers,
    };
    const run: RunStep = (name, step) => {
      done.push(name);
      return step();
    };
    return { done, placed: placeOrder(order, steps, run) };
  };

  it('are reserve, charge, confirm, and notify where the participant has it', async () => {
    const two = stepsThat({});
    expect(await two.placed).toBe('CONFIRMED');
    expect(two.done).toEqual(['reserve', 'charge', 'confirm', 'confirmed r1']);

    const three = stepsThat({ notify: async () => undefined });
    expect(await three.placed).toBe('CONFIRMED');
    expect(three.done.at(-1)).toBe('notify');
  });

  it.each([
    [
      'releases the reservation when the charge is declined',
      { charge: async () => false },
      ['reserve', 'charge', 'release', 'released r1'],
    ],
    ['does nothing more when there is not enough stock', { reserve: async () => undefined }, ['reserve']],
  ] as const)('%s', async (_behaviour, answers, expected) => {
    const { done, placed } = stepsThat(answers);

    expect(await placed).toBe('FAILED');
    expect(done).toEqual(expected);
  });

  it('are tried three times by the plain loop, which then gives up', async () => {
    let attempts = 0;
    const failing = (times: number) => async () => {
      attempts += 1;
      if (attempts <= times) throw new Error('unavailable');
      return 'done';
    };

    expect(await runPlainly('charge', failing(2))).toBe('done');
    attempts = 0;
    await expect(runPlainly('charge', failing(3))).rejects.toThrow('unavailable');
    expect(attempts).toBe(3);
  });
});

const figures = (ordersPerSecond: number, callers: number): RunFigures => ({
  load: { kind: 'closed', callers },
  seconds: 5,
  ordersPerSecond,
  p50Ms: 1_000 / ordersPerSecond,
  p99Ms: 4_000 / ordersPerSecond,
  outcomes: { confirmed: 5 * ordersPerSecond },
  perOrder: {
    cpuMs: { postgres: 2, 'order steps': 3 },
    commits: { participant: 4 },
    statements: undefined,
    walBytes: 2_048,
  },
  generatorCpu: 0.1,
});
const run = (system: System, round: number, ordersPerSecond: number, callers = 32): PeerRun => ({
  system,
  round,
  ...figures(ordersPerSecond, callers),
  violations: [],
  durability: { fsync: 'on', synchronousCommit: 'on' },
});
const runs = [run(OURS, 1, 100), run(RESTATE, 1, 50), run(RESTATE, 2, 100), run(OURS, 2, 120), run(RESTATE, 1, 9, 1)];
const circumstances: PeerCircumstances = {
  date: '2030-01-02 03:04',
  commit: 'abc1234',
  node: 'v24.0.0',
  cores: 2,
  processor: 'a processor',
  loadBefore: 0.2,
  versions: { '@restatedev/restate-server': '1.2.3' },
  dbosConnections: 32,
};

describe('the comparison', () => {
  it('divides the means, and shows the lowest and the highest ratio of a round', () => {
    const [comparison, ...others] = compareWithPeers(runs);

    // With one caller only the peer was measured.
    expect(others).toEqual([]);
    expect(comparison).toMatchObject({ peer: RESTATE, load: { callers: 32 }, lowest: { ordersPerSecond: 1.2 } });
    expect(comparison?.mean.ordersPerSecond).toBeCloseTo(110 / 75);
    expect(comparison?.highest.ordersPerSecond).toBe(2);
    expect(compareWithPeers(runs.filter(({ system }) => system !== OURS))).toEqual([]);
  });

  it('puts ours last, whatever the order of the rounds was', () => {
    expect(summarise(runs).map(({ system }) => describeSystem(system))).toEqual([
      'Restate over the participant',
      'Restate over the participant',
      'ours',
    ]);
  });

  it('reports figures, costs by process and database, ratios, versions and durability', () => {
    const report = renderReport(runs, circumstances).replaceAll(/ +/g, ' ');

    expect(report).toContain('commit abc1234. Node v24.0.0, 2 cores (a processor)');
    expect(report).toContain('Postgres, in every system: fsync on, synchronous_commit on.');
    expect(report).toContain('Versions: @restatedev/restate-server 1.2.3.');
    expect(report).toContain('| Restate over the participant | 32 callers | 75.0 |');
    expect(report).toContain('| system | load | postgres | order steps |');
    expect(report).toContain('| ours | 32 callers | 4.00 |');
    expect(report).toContain('| Restate over the participant | 32 callers | 1.47 (1.20 to 2.00) |');
    expect(report).toContain('No acknowledged order was lost');
    expect(report).not.toContain('busy');
  });

  it('says so when the machine was busy, when settings differ and when an order was lost', () => {
    const lost = { ...run(OURS, 3, 10), violations: ['orders with all effects: 4 instead of 5'] };
    const fast = { ...run(RESTATE, 3, 10), durability: { fsync: 'off', synchronousCommit: 'on' } };

    const report = renderReport([...runs, lost, fast], { ...circumstances, loadBefore: 0.7 });

    expect(report).toContain('**The machine was busy with other work');
    expect(report).toContain('fsync on, synchronous_commit on; fsync off, synchronous_commit on');
    expect(report).toContain('- ours, 32 callers: orders with all effects: 4 instead of 5');
  });

  it('plots a line for each system, each in its colour and named', () => {
    const plot = renderPlot(toSeries(summarise(runs)));

    expect(plot.match(/<polyline [^>]*>/g)).toHaveLength(4);
    expect(plot).toMatch(/fill="#1f6feb">ours<.*\n?/);
    expect(plot).toContain('>Restate over the participant<');
  });
});

describe('the command line', () => {
  it('measures everything in three rounds unless told otherwise', () => {
    expect(readPeerSettings([])).toMatchObject({
      engines: ENGINES,
      settings: SETTINGS,
      callers: [1, 32],
      seconds: 4,
      orders: undefined,
      rounds: 3,
    });
    expect(readPeerSettings(['--only', 'ours,dbos', '--setting', 'services', '--orders', '20'])).toMatchObject({
      engines: ['ours', 'dbos'],
      settings: ['services'],
      orders: 20,
    });
    expect(readPeerSettings(['--help'])).toBeUndefined();
  });

  it.each([
    [['--only', 'loop,temporal'], '--only: temporal is none of loop, restate, dbos, ours'],
    [['--only', ''], '--only: nothing is none of'],
    [['--setting', 'both'], '--setting: both is none of participant, services'],
    [['--callers', '1,1'], '--callers: 1,1 names a number twice'],
    [['--rounds', '21'], '--rounds: 21 is not an integer from 1 to 20'],
    [['--orders', '0'], '--orders: 0 is not an integer from 1 to 1000000'],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j', (given, message) => {
    expect(() => readPeerSettings(given)).toThrow(message);
  });

  it('names the packages that are not installed, and needs none for the loop and ours', () => {
    expect(() => readPeerVersions(['dbos', 'ours'], '/nowhere')).toThrow(PeerUnavailable);
    expect(() => readPeerVersions(['dbos', 'ours'], '/nowhere')).toThrow('not installed: @dbos-inc/dbos-sdk.');
    expect(readPeerVersions(['loop', 'ours'], '/nowhere')).toEqual({});
  });
});
