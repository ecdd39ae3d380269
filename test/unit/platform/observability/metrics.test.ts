import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it, vi } from 'vitest';
import { createMetricReader } from '#services/platform/observability/metric-reader.ts';
import { createMetrics, type Metrics } from '#services/platform/observability/metrics.ts';
import { createMetricsHandler } from '#services/platform/observability/metrics-handler.ts';

const handlerOf = ({ registry }: Metrics, refresh: () => Promise<unknown> = async () => undefined) =>
  createMetricsHandler(createMetricReader(registry, refresh));

/** Asks the handler and returns what it answers. */
async function scrape(handler: ReturnType<typeof createMetricsHandler>, accept?: string) {
  const setHeader = vi.fn();
  const end = vi.fn<(body: string) => void>();
  await handler({ headers: { accept } } as IncomingMessage, { setHeader, end } as unknown as ServerResponse);
  return { headers: setHeader.mock.calls, body: end.mock.calls[0]?.[0] ?? '' };
}

it('marks every metric with its service', async () => {
  const metrics = createMetrics('order');
  metrics.eventsPublished.inc({ messaging_system: 'nats', messaging_destination_name: 'shop.order.v1.OrderCreated' });
  metrics.outboxUnsent.set(3);

  const { body } = await scrape(handlerOf(metrics));

  expect(body).toContain(
    'messaging_client_sent_messages_total{messaging_system="nats",messaging_destination_name="shop.order.v1.OrderCreated",service="order"} 1',
  );
  expect(body).toContain('messaging_outbox_unsent_messages{service="order"} 3');
});

it('keeps the metrics of two services in a process apart', async () => {
  const [order, inventory] = [createMetrics('order'), createMetrics('inventory')];
  order.deadLetters.set(5);

  const { body } = await scrape(handlerOf(inventory));

  expect(body).toContain('messaging_dead_letters{service="inventory"} 0');
  expect(body).not.toContain('service="order"');
});

const PLAIN = 'text/plain; version=0.0.4; charset=utf-8';
const OPEN = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

it.each([
  [undefined, PLAIN],
  ['*/*', PLAIN],
  ['text/html', PLAIN],
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    OPEN,
  ],
  ['text/plain;version=0.0.4;q=0.5, Application/OpenMetrics-Text', OPEN],
  ['application/openmetrics-text;q=0.3,text/plain;q=0.7', PLAIN],
  ['application/openmetrics-text;q=0', PLAIN],
  ['application/openmetrics-text;q=much', PLAIN],
])('answers Accept: %s with %s', async (accept, type) => {
  const { headers } = await scrape(handlerOf(createMetrics('order')), accept);

  expect(headers).toEqual([
    ['content-type', type],
    ['vary', 'accept'],
  ]);
});

it('includes process metrics only when requested', async () => {
  const alone = await scrape(handlerOf(createMetrics('order', true)));
  const shared = await scrape(handlerOf(createMetrics('order')));

  expect(alone.body).toContain('process_resident_memory_bytes');
  expect(shared.body).not.toMatch(/^process_/m);
});

it('measures calls in buckets from a millisecond to ten seconds', async () => {
  const metrics = createMetrics('order');
  metrics.rpcServerDuration.observe({ rpc_method: 'OrderService/CreateOrder', rpc_status_code: 'ok' }, 0.004);

  const { body } = await scrape(handlerOf(metrics));

  const buckets = [...body.matchAll(/rpc_server_call_duration_seconds_bucket\{le="([^"]+)"[^}]*\} (\d)/g)].map(
    ([, le, count]) => [le, count],
  );
  expect(buckets[0]).toEqual(['0.001', '0']);
  expect(buckets.at(-2)).toEqual(['10', '1']);
  expect(buckets.find(([le]) => le === '0.005')).toEqual(['0.005', '1']);
});

it('shows the connections of each pool as they are when it is scraped', async () => {
  const metrics = createMetrics('order');
  const pool = { used: 3, idle: 1, pending: 0, max: 8 };
  metrics.observeConnections('calls', () => pool);
  pool.pending = 2;

  const { body } = await scrape(handlerOf(metrics));

  const of = 'db_client_connection_pool_name="calls"';
  expect(body).toContain(`db_client_connection_count{${of},db_client_connection_state="used",service="order"} 3`);
  expect(body).toContain(`db_client_connection_count{${of},db_client_connection_state="idle",service="order"} 1`);
  expect(body).toContain(`db_client_connection_max{${of},service="order"} 8`);
  expect(body).toContain(`db_client_connection_pending_requests{${of},service="order"} 2`);
});

it('reads what is only known by asking before it answers', async () => {
  const metrics = createMetrics('order');
  const handler = handlerOf(metrics, async () => metrics.outboxUnsent.set(9));

  expect((await scrape(handler)).body).toContain('messaging_outbox_unsent_messages{service="order"} 9');
});

it('is written once for all who scrape at the same time, and again for those who come later', async () => {
  const metrics = createMetrics('order');
  let reads = 0;
  const handler = handlerOf(metrics, async () => {
    reads += 1;
    metrics.outboxUnsent.set(reads);
  });
  const first = scrape(handler);
  await expect.poll(() => reads).toBe(1);

  const bodies = await Promise.all([first, scrape(handler), scrape(handler)]);

  expect(reads).toBe(2);
  expect(bodies.map(({ body }) => /unsent_messages\{.*\} (\d)/.exec(body)?.[1])).toEqual(['1', '2', '2']);
});
