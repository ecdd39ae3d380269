// A real Prometheus scrapes the running platform with the alerts of this repository and fires on an induced failure.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { orderRequest, publishUnreadable, type TestStack, useSharedStack } from '../support/stack.ts';
import { DASHBOARDS, readDashboard, withInterval } from '../support/telemetry/dashboards.ts';
import {
  PROMETHEUS_MISSING,
  type Prometheus,
  prometheusProgram,
  startPrometheus,
} from '../support/telemetry/prometheus.ts';

const ALERTS = fileURLToPath(new URL('../../services/monitor/prometheus/alerts.yaml', import.meta.url));
const PATIENCE = { timeout: 30_000, interval: 200 };
/** The panels that are empty while nothing fails, or in a platform that does not order from itself, and why. */
const WITHOUT_DATA: Readonly<Record<string, string>> = {
  'Synthetic journeys': 'the platform here has no monitor',
  'Failed synthetic journeys, by kind': 'the platform here has no monitor',
  'Duration of synthetic journeys: 99th percentile': 'the platform here has no monitor',
  'Time since a synthetic journey succeeded': 'the platform here has no monitor',
  'Failed calls of dependencies, by kind': 'no call fails',
  'Calls that are made again, by dependency': 'no call fails',
  'Openings of circuit breakers, by failure': 'no call fails',
  'Rejected by limits and bulkheads': 'no limit is reached',
  'SQL statements that failed, by kind': 'no statement fails',
};

describe('Prometheus', () => {
  const resources = new AsyncDisposableStack();
  let platform: TestStack;
  let prometheus: Prometheus;

  beforeAll(async () => {
    if (prometheusProgram === undefined) return;
    platform = resources.use(await useSharedStack('steady'));
    const { stack } = platform;
    const targets = stack.services.map((name) => new URL(stack.url(name)).host);
    prometheus = resources.use(await startPrometheus(targets, [ALERTS]));
  });
  afterAll(() => resources.disposeAsync());

  /** The values of an expression, by the label `service`. */
  const query = async (expression: string): Promise<Record<string, number>> => {
    const { result } = await prometheus.ask<{
      result: { metric: { service?: string }; value: [number, string] }[];
    }>('query', { query: expression });
    return Object.fromEntries(result.map(({ metric, value }) => [metric.service ?? '', Number(value[1])]));
  };
  const firing = async (): Promise<Record<string, string>[]> => {
    const { alerts } = await prometheus.ask<{ alerts: { state: string; labels: Record<string, string> }[] }>('alerts');
    return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels);
  };

  it('scrapes every service', async ({ skip }) => {
    skip(prometheusProgram === undefined, PROMETHEUS_MISSING);
    const everyone = { order: 1, inventory: 1, payment: 1, notification: 1, analytics: 1 };
    await expect.poll(() => query('max by (service) (messaging_broker_connected)'), PATIENCE).toEqual(everyone);
    expect(await query('min(up)')).toEqual({ '': 1 });
  });

  it('counts an order at each service on its path', async ({ skip }) => {
    skip(prometheusProgram === undefined, PROMETHEUS_MISSING);
    await platform.orders.createOrder(orderRequest());
    const calls =
      'sum by (service) (rpc_server_call_duration_seconds_count{rpc_method=~".*/(CreateOrder|ReserveStock|ProcessPayment)",rpc_status_code="ok"}) > 0';
    await expect
      .poll(async () => Object.keys(await query(calls)).sort(), PATIENCE)
      .toEqual(['inventory', 'order', 'payment']);
    await expect
      .poll(() => query('sum(orders_ended_total{status="confirmed"})'), PATIENCE)
      .toMatchObject({ '': expect.any(Number) });
  });

  it('has data for each query of the dashboards', async ({ skip }) => {
    skip(prometheusProgram === undefined, PROMETHEUS_MISSING);
    await platform.orders.createOrder(orderRequest());
    await platform.orders.createOrder(orderRequest({ paymentMethod: 'pm_insufficient_funds' }));
    const panels = DASHBOARDS.flatMap((name) => readDashboard(name).panels);
    const shown = panels.filter(({ title }) => !Object.hasOwn(WITHOUT_DATA, title));
    const hasData = async (expression: string): Promise<boolean> => {
      const { result } = await prometheus.ask<{ result: unknown[] }>('query', { query: expression });
      return result.length > 0;
    };
    const findEmpty = async (): Promise<string[]> => {
      const queries = shown.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));
      const answers = await Promise.all(queries.map(([, expr]) => hasData(withInterval(expr, '1m'))));
      return queries.filter((_, index) => !answers[index]).map(([title, expr]) => `${title}: ${expr}`);
    };

    await expect.poll(findEmpty, PATIENCE).toEqual([]);
    expect(shown).toHaveLength(panels.length - Object.keys(WITHOUT_DATA).length);
  });

  it('fires the alert of a dead letter, by service, and resolves it with the dead letter', async ({ skip }) => {
    skip(prometheusProgram === undefined, PROMETHEUS_MISSING);
    const firesForInventory = async () =>
      (await firing()).some(({ alertname, service }) => alertname === 'DeadLetters' && service === 'inventory');
    // Another file may have a dead letter on this stack for a moment.
    await expect.poll(firesForInventory, PATIENCE).toBe(false);
    const eventId = randomUUID();
    await publishUnreadable(platform.stack.natsUrl('admin'), eventId);
    await expect
      .poll(firing, PATIENCE)
      .toContainEqual({ alertname: 'DeadLetters', service: 'inventory', severity: 'ticket' });

    for (const name of ['inventory', 'analytics'] as const) {
      const ops = platform.client(name, OpsService);
      const [letter] = await vi.waitFor(async () => {
        const own = (await ops.listDeadLetters({})).deadLetters.filter((one) => one.eventId === eventId);
        expect(own).toHaveLength(1);
        return own;
      }, PATIENCE);
      await ops.discardDeadLetter({ deadLetterId: letter?.deadLetterId ?? '' });
    }
    await expect.poll(firesForInventory, PATIENCE).toBe(false);
  });
});
