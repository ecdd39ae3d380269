import { HealthRegistry, ServingStatus } from '@touchstone/rpc-server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unavailable } from '#services/platform/base/errors.ts';
import type { Broker } from '#services/platform/messaging/broker.ts';
import { createHealthMonitor } from '#services/platform/runtime/health-monitor.ts';
import { createFakeDatabase } from '../support/fake-database.ts';
import { recordLog } from '../support/recorded-log.ts';

const { SERVING, NOT_SERVING } = ServingStatus;
const outage = unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });

/** A monitor of a database that fails while `test.failure` is set, and of a broker that is connected while `test.connected`. */
async function startMonitor(isReady?: () => Promise<boolean>) {
  const state: { failure: Error | undefined; connected: boolean } = { failure: undefined, connected: true };
  const health = new HealthRegistry();
  const database = createFakeDatabase(() => {
    if (state.failure !== undefined) throw state.failure;
    return [{}];
  });
  const broker = { status: () => ({ connected: state.connected, since: new Date() }) } as Broker;
  const recorded = recordLog();
  const monitor = createHealthMonitor({ health, database, broker, isReady, log: recorded.log });
  await monitor.start();
  await vi.advanceTimersByTimeAsync(0);
  return { ...recorded, state, health, database, [Symbol.asyncDispose]: monitor.stop };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('health', () => {
  it('is SERVING while the database answers, whatever the broker does', async () => {
    await using test = await startMonitor();

    test.state.connected = false;
    await vi.advanceTimersByTimeAsync(1_000);

    expect(test.health.get('')).toBe(SERVING);
    expect(test.health.get('broker')).toBe(NOT_SERVING);
  });

  it('follows the database within a second, away and back', async () => {
    await using test = await startMonitor();

    test.state.failure = outage;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(test.health.get('')).toBe(NOT_SERVING);
    test.state.failure = undefined;
    await vi.advanceTimersByTimeAsync(1_000);

    expect(test.health.get('')).toBe(SERVING);
  });

  it('is NOT_SERVING when the database answers with an error: nothing can be served then either', async () => {
    await using test = await startMonitor();

    test.state.failure = Object.assign(new Error('role "shop_order" is not permitted to log in'), { code: '28000' });
    await vi.advanceTimersByTimeAsync(1_000);

    expect(test.health.get('')).toBe(NOT_SERVING);
  });

  it('of the broker has a name of its own and follows the connection', async () => {
    await using test = await startMonitor();
    expect(test.health.get('broker')).toBe(SERVING);

    test.state.connected = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(test.health.get('broker')).toBe(NOT_SERVING);
    test.state.connected = true;
    await vi.advanceTimersByTimeAsync(1_000);

    expect(test.health.get('broker')).toBe(SERVING);
  });

  it('of the broker is updated while the database is unreachable', async () => {
    await using test = await startMonitor();
    test.state.failure = outage;
    test.state.connected = false;

    await vi.advanceTimersByTimeAsync(1_000);

    expect(test.health.get('broker')).toBe(NOT_SERVING);
  });

  it('is NOT_SERVING until the service has what its calls need, and then whatever becomes of that', async () => {
    let isReady = false;
    const ask = vi.fn(async () => isReady);
    await using test = await startMonitor(ask);
    expect(test.health.get('')).toBe(NOT_SERVING);

    isReady = true;
    await vi.advanceTimersByTimeAsync(100);
    expect(test.health.get('')).toBe(SERVING);
    const asked = ask.mock.calls.length;
    isReady = false;
    await vi.advanceTimersByTimeAsync(5_000);

    expect(test.health.get('')).toBe(SERVING);
    expect(ask).toHaveBeenCalledTimes(asked);
    expect(test.lines).toMatchObject([{ level: 'info', msg: 'has what its calls need' }]);
  });

  it('does not ask whether the service has what its calls need while the database is unreachable', async () => {
    const ask = vi.fn(async () => false);
    await using test = await startMonitor(ask);
    test.state.failure = outage;
    await vi.advanceTimersByTimeAsync(1_000);
    const asked = ask.mock.calls.length;

    await vi.advanceTimersByTimeAsync(5_000);
    expect(ask).toHaveBeenCalledTimes(asked);
    test.state.failure = undefined;
    await vi.advanceTimersByTimeAsync(1_000);

    expect(ask.mock.calls.length).toBeGreaterThan(asked);
  });

  it('is NOT_SERVING from its creation, before the first check, when the service may not be ready', async () => {
    const health = new HealthRegistry();
    const broker = { status: () => ({ connected: true, since: new Date() }) } as Broker;
    const options = { health, database: createFakeDatabase(() => [{}]), broker, log: recordLog().log };
    createHealthMonitor(options);
    expect(health.get('')).toBe(SERVING);

    createHealthMonitor({ ...options, isReady: async () => true });

    expect(health.get('')).toBe(NOT_SERVING);
  });

  it('is logged when it changes, with the reason, and at no other time', async () => {
    await using test = await startMonitor();
    expect(test.lines).toEqual([]);

    test.state.failure = outage;
    await vi.advanceTimersByTimeAsync(5_000);
    test.state.failure = undefined;
    await vi.advanceTimersByTimeAsync(5_000);

    expect(test.lines).toMatchObject([
      { level: 'warn', serving: false, err: { message: 'away' } },
      { level: 'warn', serving: true },
    ]);
  });
});
