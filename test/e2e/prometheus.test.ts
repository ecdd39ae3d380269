// A real Prometheus scrapes the running platform with the alerts of this repository and fires on an induced failure.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { createGuardedDirectory, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import { choosePorts } from '../support/cluster/choose-ports.ts';
import { orderRequest, publishUnreadable, type TestStack, useSharedStack } from '../support/stack.ts';

const ALERTS = fileURLToPath(new URL('../../services/monitor/prometheus/alerts.yaml', import.meta.url));
const PATIENCE = { timeout: 30_000, interval: 200 };
const prometheus = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'prometheus'))
  .find((file) => existsSync(file));
const missing = 'prometheus is not on the PATH (the package of that name has it)';

describe('Prometheus', () => {
  const resources = new AsyncDisposableStack();
  let platform: TestStack;
  let url: string;

  beforeAll(async () => {
    if (prometheus === undefined) return;
    platform = resources.use(await useSharedStack('steady'));
    url = await startPrometheus(resources, prometheus, platform);
  });
  afterAll(() => resources.disposeAsync());

  /** The values of an expression, by the label `service`. */
  const query = async (expression: string): Promise<Record<string, number>> => {
    const answer = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expression })}`);
    const { data } = (await answer.json()) as Answer<{
      result: { metric: { service?: string }; value: [number, string] }[];
    }>;
    return Object.fromEntries(data.result.map(({ metric, value }) => [metric.service ?? '', Number(value[1])]));
  };
  const firing = async (): Promise<Record<string, string>[]> => {
    const answer = await fetch(`${url}/api/v1/alerts`);
    const { data } = (await answer.json()) as Answer<{ alerts: { state: string; labels: Record<string, string> }[] }>;
    return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels);
  };

  it('scrapes every service', async ({ skip }) => {
    if (prometheus === undefined) return skip(missing);
    const everyone = { order: 1, inventory: 1, payment: 1, notification: 1, analytics: 1 };
    await expect.poll(() => query('max by (service) (messaging_broker_connected)'), PATIENCE).toEqual(everyone);
    expect(await query('min(up)')).toEqual({ '': 1 });
  });

  it('counts an order at each service on its path', async ({ skip }) => {
    if (prometheus === undefined) return skip(missing);
    await platform.orders.createOrder(orderRequest());
    const calls =
      'sum by (service) (rpc_server_call_duration_seconds_count{rpc_method=~".*/(CreateOrder|ReserveStock|ProcessPayment)",rpc_response_status_code="ok"}) > 0';
    await expect
      .poll(async () => Object.keys(await query(calls)).sort(), PATIENCE)
      .toEqual(['inventory', 'order', 'payment']);
    await expect
      .poll(() => query('sum(orders_ended_total{status="confirmed"})'), PATIENCE)
      .toMatchObject({ '': expect.any(Number) });
  });

  it('fires the alert of a dead letter, by service, and resolves it with the dead letter', async ({ skip }) => {
    if (prometheus === undefined) return skip(missing);
    expect((await firing()).filter(({ alertname }) => alertname === 'DeadLetters')).toEqual([]);
    await publishUnreadable(platform.stack.natsUrl('admin'), randomUUID());
    await expect
      .poll(firing, PATIENCE)
      .toContainEqual({ alertname: 'DeadLetters', service: 'inventory', severity: 'ticket' });

    for (const name of ['inventory', 'analytics'] as const) {
      const ops = platform.client(name, OpsService);
      const { deadLetters } = await vi.waitFor(async () => {
        const page = await ops.listDeadLetters({});
        expect(page.deadLetters).toHaveLength(1);
        return page;
      }, PATIENCE);
      for (const { deadLetterId } of deadLetters) await ops.discardDeadLetter({ deadLetterId });
    }
    await expect
      .poll(async () => (await firing()).map(({ alertname }) => alertname), PATIENCE)
      .not.toContain('DeadLetters');
  });
});

type Answer<Data> = { readonly data: Data };

async function startPrometheus(
  resources: AsyncDisposableStack,
  program: string,
  { stack }: TestStack,
): Promise<string> {
  const folder = resources.use(await createGuardedDirectory('touchstone-prometheus'));
  const config = join(folder.path, 'prometheus.yaml');
  const targets = stack.services.map((name) => new URL(stack.url(name)).host);
  await writeFile(
    config,
    JSON.stringify({
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      rule_files: [ALERTS],
      scrape_configs: [{ job_name: 'touchstone', static_configs: [{ targets }] }],
    }),
  );
  const [port] = await choosePorts('prometheus', 1);
  const server = spawnGuarded(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  resources.defer(() => stopGuarded(server));
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(async () => expect((await fetch(`${url}/-/ready`)).ok).toBe(true), PATIENCE);
  return url;
}
