import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it, vi } from 'vitest';
import { createMetrics, createMetricsHandler } from '#services/platform/observability/metrics.ts';

/** Asks the handler and returns what it answers. */
async function scrape(handler: ReturnType<typeof createMetricsHandler>) {
  const setHeader = vi.fn();
  const end = vi.fn<(body: string) => void>();
  await handler({} as IncomingMessage, { setHeader, end } as unknown as ServerResponse);
  return { headers: setHeader.mock.calls, body: end.mock.calls[0]?.[0] ?? '' };
}

it('marks every metric with its service', async () => {
  const metrics = createMetrics('order');
  metrics.eventsPublished.inc({ messaging_system: 'nats', messaging_destination_name: 'shop.order.v1.OrderCreated' });
  metrics.outboxUnsent.set(3);

  const { body } = await scrape(createMetricsHandler(metrics));

  expect(body).toContain(
    'messaging_client_sent_messages_total{messaging_system="nats",messaging_destination_name="shop.order.v1.OrderCreated",service="order"} 1',
  );
  expect(body).toContain('messaging_outbox_unsent_messages{service="order"} 3');
});

it('keeps the metrics of two services in a process apart', async () => {
  const [order, inventory] = [createMetrics('order'), createMetrics('inventory')];
  order.deadLetters.set(5);

  const { body } = await scrape(createMetricsHandler(inventory));

  expect(body).toContain('messaging_dead_letters{service="inventory"} 0');
  expect(body).not.toContain('service="order"');
});

it('says that it is text for Prometheus', async () => {
  const { headers } = await scrape(createMetricsHandler(createMetrics('order')));

  expect(headers).toEqual([['content-type', expect.stringMatching(/^text\/plain; version=/)]]);
});

it('includes process metrics only when requested', async () => {
  const alone = await scrape(createMetricsHandler(createMetrics('order', true)));
  const shared = await scrape(createMetricsHandler(createMetrics('order')));

  expect(alone.body).toContain('process_resident_memory_bytes');
  expect(shared.body).not.toContain('process_');
});

it('measures calls in buckets from a millisecond to ten seconds', async () => {
  const metrics = createMetrics('order');
  metrics.rpcServerDuration.observe({ rpc_method: 'OrderService/CreateOrder', rpc_response_status_code: 'ok' }, 0.004);

  const { body } = await scrape(createMetricsHandler(metrics));

  const buckets = [...body.matchAll(/rpc_server_call_duration_seconds_bucket\{le="([^"]+)"[^}]*\} (\d)/g)].map(
    ([, le, count]) => [le, count],
  );
  expect(buckets[0]).toEqual(['0.001', '0']);
  expect(buckets.at(-2)).toEqual(['10', '1']);
  expect(buckets.find(([le]) => le === '0.005')).toEqual(['0.005', '1']);
});

it('reads what is only known by asking before it answers', async () => {
  const metrics = createMetrics('order');
  const handler = createMetricsHandler(metrics, async () => metrics.outboxUnsent.set(9));

  expect((await scrape(handler)).body).toContain('messaging_outbox_unsent_messages{service="order"} 9');
});

it('is written once for all who scrape at the same time, and again for those who come later', async () => {
  const metrics = createMetrics('order');
  let reads = 0;
  const handler = createMetricsHandler(metrics, async () => {
    reads += 1;
    metrics.outboxUnsent.set(reads);
  });
  const first = scrape(handler);
  await expect.poll(() => reads).toBe(1);

  const bodies = await Promise.all([first, scrape(handler), scrape(handler)]);

  expect(reads).toBe(2);
  expect(bodies.map(({ body }) => /unsent_messages\{.*\} (\d)/.exec(body)?.[1])).toEqual(['1', '2', '2']);
});
