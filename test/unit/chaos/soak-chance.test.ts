// The seeded decisions of a soak: the random generator, scenarios and kills.
import { describe, expect, it } from 'vitest';
import { drawKill, KILL_TARGETS } from '../../chaos/soak/kill-plan.ts';
import { createRandom } from '../../chaos/soak/random.ts';
import { drawScenario, type Scenario } from '../../chaos/soak/scenario.ts';

describe('the random generator', () => {
  it('gives the same sequence for the same seed and another for the next', () => {
    const draw = (seed: number) => Array.from({ length: 20 }, createRandom(seed).next);

    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('picks integers evenly', () => {
    const random = createRandom(1);
    const counts = new Map<number, number>();
    for (let draw = 0; draw < 10_000; draw += 1) {
      const number = random.integer(1, 10);
      counts.set(number, (counts.get(number) ?? 0) + 1);
    }

    expect([...counts.keys()].toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(Math.min(...counts.values())).toBeGreaterThan(850);
  });

  it('forked for one purpose is independent of other draws', () => {
    const quiet = createRandom(3);
    const busy = createRandom(3);
    for (let draw = 0; draw < 100; draw += 1) busy.fork('load').next();
    busy.next();

    expect(busy.fork('damage').next()).toBe(quiet.fork('damage').next());
    expect(quiet.fork('load').next()).not.toBe(quiet.fork('damage').next());
  });

  it('shuffles without losing anything', () => {
    const things = [1, 2, 3, 4, 5, 6, 7, 8];
    const shuffled = createRandom(5).shuffle(things);

    expect(shuffled).not.toEqual(things);
    expect(shuffled.toSorted((one, other) => one - other)).toEqual(things);
  });

  it('refuses to pick from an empty list', () => {
    expect(() => createRandom(1).pick([])).toThrow(RangeError);
  });
});

describe('the scenarios of a soak', () => {
  const random = createRandom(42).fork('load');
  const scenarios = Array.from({ length: 5_000 }, (_, index) => drawScenario(random, 'run', index + 1));
  const share = (kind: Scenario['kind']) =>
    scenarios.filter((scenario) => scenario.kind === kind).length / scenarios.length;

  it('are mostly approved, and sometimes of each other kind', () => {
    expect(share('approved')).toBeCloseTo(0.73, 1);
    for (const kind of ['slow', 'declined', 'short', 'cancelled', 'duplicate', 'reused'] as const) {
      expect(share(kind), kind).toBeGreaterThan(0.003);
    }
  });

  it('each have a unique key', () => {
    expect(new Set(scenarios.map(({ request }) => request.idempotencyKey)).size).toBe(scenarios.length);
  });

  it('with a cancellation have a customer of their own', () => {
    const cancelled = scenarios.filter(({ kind }) => kind === 'cancelled');
    const customers = new Set(cancelled.map(({ request }) => request.customerId));

    expect(customers.size).toBe(cancelled.length);
    for (const { kind, request } of scenarios) {
      if (kind !== 'cancelled') expect(customers).not.toContain(request.customerId);
    }
  });

  it('list each product once, in any order', () => {
    const orders = scenarios.map(({ request }) => request.items.map(({ productId }) => productId));

    for (const products of orders) expect(new Set(products).size).toBe(products.length);
    expect(orders.some(([first = '', second = '']) => first > second && second !== '')).toBe(true);
    expect(orders.some(([first = '', second = '']) => first < second)).toBe(true);
  });
});

describe('the kills of a soak', () => {
  const random = createRandom(42).fork('damage');
  const plannedKills = Array.from({ length: 600 }, () => drawKill(random));

  it('come often enough for ten kills a minute', () => {
    const totalMs = plannedKills.reduce((sum, { afterMs }) => sum + afterMs, 0);
    const kills = plannedKills.reduce((sum, { targets }) => sum + targets.length, 0);

    expect(kills / (totalMs / 60_000)).toBeGreaterThan(12);
  });

  it('hit every process, alone and two at once', () => {
    const ofSize = (count: number) => plannedKills.filter(({ targets }) => targets.length === count);

    expect(new Set(ofSize(1).flatMap(({ targets }) => targets))).toEqual(new Set(KILL_TARGETS));
    expect(new Set(ofSize(2).flatMap(({ targets }) => targets))).toEqual(new Set(KILL_TARGETS));
    for (const { targets } of ofSize(2)) expect(targets[0]).not.toBe(targets[1]);
  });
});
