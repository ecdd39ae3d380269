// Spans for tests of the console: a call of order, with what a test says otherwise.
import { SpanKind } from '#gen/local/control/v1/control_pb.ts';
import type { RememberedSpan } from '#local/control/order-history/span-memory.ts';

let count = 0;

export function spanOf(overrides: Partial<RememberedSpan> = {}): RememberedSpan {
  count += 1;
  return {
    traceId: 't1',
    spanId: `s${count}`,
    parentId: '',
    process: 'order',
    name: 'shop.payment.v1.PaymentService/ProcessPayment',
    kind: SpanKind.CLIENT,
    start: 1_000,
    milliseconds: 10,
    outcome: 'ok',
    failed: false,
    orderId: '',
    ...overrides,
  };
}
