// The trace of one order through every service, as a collector receives it.
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { sourcesOf, waitForQuiescence } from '../support/invariants/invariants.ts';
import { type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { awaitOrder, orderRequest, startTestStack } from '../support/stack.ts';

const CALLER_SPAN = '00f067aa0ba902b7';

describe('the trace of an order', () => {
  const traceId = randomBytes(16).toString('hex');
  let spans: readonly ReceivedSpan[];
  let orderId: string | undefined;

  beforeAll(async () => {
    await using collector = await startOtlpReceiver();
    // Nothing is sent before the stop, except full batches.
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '600000' };
    await using platform = await startTestStack(environment);
    const headers = { traceparent: `00-${traceId}-${CALLER_SPAN}-01` };
    const { order } = await platform.orders.createOrder(orderRequest({ customerId: 'traced' }), { headers });
    orderId = order?.orderId;
    await awaitOrder(platform, orderId);
    expect(await waitForQuiescence(sourcesOf(platform.stack), { timeoutMs: 60_000 })).toEqual([]);
    await platform.stack.close();
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
});

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
