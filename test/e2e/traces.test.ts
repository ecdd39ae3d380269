// The trace of one order through every service, and the metrics with it, as a collector receives them and as Prometheus scrapes them.
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { sourcesOf, waitForQuiescence } from '../support/invariants/invariants.ts';
import { PATIENT_DATABASE } from '../support/patience.ts';
import { awaitOrder, orderRequest, startTestStack, type TestStack } from '../support/stack.ts';
import { startOtlpReceiver } from '../support/telemetry/otlp-receiver.ts';
import { PROMETHEUS_MISSING, prometheusProgram, startPrometheus } from '../support/telemetry/prometheus.ts';
import type { ReceivedMetric } from '../support/telemetry/received-metrics.ts';
import type { ReceivedSpan } from '../support/telemetry/received-spans.ts';

const CALLER_SPAN = '00f067aa0ba902b7';

describe('the trace of an order', () => {
  const traceId = randomBytes(16).toString('hex');
  let spans: readonly ReceivedSpan[];
  let metrics: readonly ReceivedMetric[];
  let exemplars: readonly Exemplar[] | undefined;
  let orderId: string | undefined;

  beforeAll(async () => {
    await using collector = await startOtlpReceiver();
    // Nothing is sent before the stop, except full batches.
    const environment = {
      ...PATIENT_DATABASE,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '600000',
    };
    await using platform = await startTestStack(environment);
    const headers = { traceparent: `00-${traceId}-${CALLER_SPAN}-01` };
    const { order } = await platform.orders.createOrder(orderRequest({ customerId: 'traced' }), { headers });
    orderId = order?.orderId;
    await awaitOrder(platform, orderId);
    expect(await waitForQuiescence(sourcesOf(platform.stack), { timeoutMs: 60_000 })).toEqual([]);
    exemplars = await readExemplars(platform, traceId);
    await platform.stack.close();
    metrics = collector.metrics;
    spans = collector.spans.filter((span) => span.traceId === traceId);
  });

  it('is connected and without failures: a graceful stop loses no span', () => {
    expect(spans.filter((span) => isDetached(span, spans))).toEqual([]);
    expect(spans.filter(({ hasFailed }) => hasFailed)).toEqual([]);
    expect(only(spans, 'notification client send mail').parentId).not.toBe('');
  });

  it('continues the trace of the caller, and names the order', () => {
    const created = only(spans, 'order server shop.order.v1.OrderService/CreateOrder');
    expect(created).toMatchObject({ parentId: CALLER_SPAN, attributes: { 'order.id': orderId } });
  });

  it.each([
    ['inventory', 'shop.inventory.v1.InventoryService/ReserveStock'],
    ['payment', 'shop.payment.v1.PaymentService/ProcessPayment'],
    ['inventory', 'shop.inventory.v1.InventoryService/ConfirmReservation'],
  ])('connects the call to %s with its service: %s', (service, rpc) => {
    const called = only(spans, `order client ${rpc}`);
    expect(called.parentId).toBe(only(spans, 'order server shop.order.v1.OrderService/CreateOrder').spanId);
    expect(only(spans, `${service} server ${rpc}`).parentId).toBe(called.spanId);
  });

  it.each([
    ['order', 'shop.order.v1.OrderCreated', ['inventory', 'analytics']],
    ['order', 'shop.order.v1.OrderConfirmed', ['notification', 'analytics']],
    ['inventory', 'shop.inventory.v1.StockReserved', ['order']],
    ['payment', 'shop.payment.v1.PaymentCompleted', ['order']],
  ])('connects the event of %s with its consumers: %s', (producer, subject, consumers) => {
    const published = only(spans, `${producer} producer publish ${subject}`);
    for (const consumer of consumers) {
      expect(only(spans, `${consumer} consumer handle ${subject}`).parentId).toBe(published.parentId);
    }
  });

  it('shows the statements and the requests of each step beneath it, by their conventions', () => {
    const charged = only(spans, 'payment server shop.payment.v1.PaymentService/ProcessPayment');
    const beneath = spans.filter(({ parentId }) => parentId === charged.spanId);
    expect(beneath.filter(({ attributes }) => attributes['db.system.name'] === 'postgresql')).not.toEqual([]);
    expect(beneath.find(({ attributes }) => attributes['http.request.method'] === 'POST')).toMatchObject({
      kind: 'client',
      attributes: { 'http.response.status_code': '200', 'server.address': '127.0.0.1' },
    });
    expect(only(spans, 'order client shop.payment.v1.PaymentService/ProcessPayment').attributes).toMatchObject({
      'rpc.status_code': 'ok',
      'server.address': '127.0.0.1',
    });
  });

  it('is found by the exemplars that Prometheus scrapes from each service on its path', ({ skip }) => {
    skip(prometheusProgram === undefined, PROMETHEUS_MISSING);
    const methods = new Set(exemplars?.map(({ method }) => method));
    expect(methods).toContain('shop.order.v1.OrderService/CreateOrder');
    expect(methods).toContain('shop.payment.v1.PaymentService/ProcessPayment');
    expect(spans.map(({ spanId }) => spanId)).toEqual(
      expect.arrayContaining(exemplars?.map(({ spanId }) => spanId) ?? []),
    );
  });

  it('is found by the exemplars of the metrics that each service on its path sends', () => {
    const own = metrics.flatMap(({ service, name, points }) =>
      points.flatMap(({ exemplars }) => exemplars.map((exemplar) => ({ ...exemplar, service, name }))),
    );
    const ofTrace = own.filter((exemplar) => exemplar.traceId === traceId);
    expect(ofTrace).toContainEqual(expect.objectContaining({ service: 'order', name: 'rpc.client.call.duration' }));
    expect(ofTrace).toContainEqual(expect.objectContaining({ service: 'payment', name: 'rpc.server.call.duration' }));
    expect(spans.map(({ spanId }) => spanId)).toEqual(expect.arrayContaining(ofTrace.map(({ spanId }) => spanId)));
  });

  it('comes with metrics of every service, sent as it stops, in the names of the conventions', () => {
    const callsOf = (service: string) =>
      metrics
        .filter((metric) => metric.service === service && metric.name === 'rpc.server.call.duration')
        .flatMap(({ points }) => points)
        .filter(({ attributes }) =>
          /\/(CreateOrder|ReserveStock|ProcessPayment)$/.test(attributes['rpc.method'] ?? ''),
        );
    expect(new Set(metrics.map(({ service }) => service)).size).toBe(5);
    expect(new Set(metrics.map(({ resource }) => resource['service.instance.id'])).size).toBe(5);
    for (const service of ['order', 'inventory', 'payment']) expect(callsOf(service)).toMatchObject([{ count: 1 }]);
  });
});

type Exemplar = { readonly method: string; readonly spanId: string };

/** The exemplars of this trace in Prometheus' store; undefined where there is no Prometheus. */
async function readExemplars({ stack }: TestStack, traceId: string): Promise<readonly Exemplar[] | undefined> {
  if (prometheusProgram === undefined) return undefined;
  await using prometheus = await startPrometheus(stack.services.map((name) => new URL(stack.url(name)).host));
  type Series = {
    readonly seriesLabels: { readonly rpc_method: string };
    readonly exemplars: readonly { readonly labels: { readonly trace_id: string; readonly span_id: string } }[];
  };
  const start = String(Date.now() / 1_000 - 300);
  return await vi.waitFor(
    async () => {
      const query = 'rpc_server_call_duration_seconds_bucket';
      const end = String(Date.now() / 1_000 + 1);
      const found = await prometheus.ask<readonly Series[]>('query_exemplars', { query, start, end });
      const ofTrace = found.flatMap(({ seriesLabels, exemplars }) =>
        exemplars
          .filter(({ labels }) => labels.trace_id === traceId)
          .map(({ labels }) => ({ method: seriesLabels.rpc_method, spanId: labels.span_id })),
      );
      expect(ofTrace.length).toBeGreaterThanOrEqual(4);
      return ofTrace;
    },
    { timeout: 20_000, interval: 200 },
  );
}

/** Whether a span's parent is missing. */
function isDetached({ parentId }: ReceivedSpan, spans: readonly ReceivedSpan[]): boolean {
  return parentId !== CALLER_SPAN && !spans.some(({ spanId }) => spanId === parentId);
}

/** The one span identified by `service kind name`. */
function only(spans: readonly ReceivedSpan[], wanted: string): ReceivedSpan {
  const told = spans.map(({ service, kind, name }) => `${service} ${kind} ${name}`);
  const found = spans.filter((_, index) => told[index] === wanted);
  expect(found, `${wanted} among\n${told.toSorted().join('\n')}`).toHaveLength(1);
  return found[0] as ReceivedSpan;
}
