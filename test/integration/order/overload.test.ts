// Too many callers at once, and a large backlog of blocked orders: the service does a bounded amount of work at a time.
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, it, vi } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { type OrderFixture, startOrderFixture, validRequest } from '../../support/services/order.ts';
import { PATIENT } from './patience.ts';

const { reserveStock } = InventoryService.method;
const { processPayment } = PaymentService.method;

/** Retries a request under its key until it is accepted. */
function untilAccepted({ client }: OrderFixture, request: ReturnType<typeof validRequest>) {
  return vi.waitFor(() => client.createOrder(request), { timeout: 20_000, interval: 200 });
}

/** Reads a gauge of a bulkhead from the service's metrics. */
async function readGauge({ service }: OrderFixture, gauge: string, bulkhead: string): Promise<number> {
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  return Number(new RegExp(`^${gauge}\\{.*bulkhead="${bulkhead}".*\\} (\\d+)$`, 'm').exec(metrics)?.[1]);
}

it('a call beyond the queue is refused immediately and stores nothing: a retry creates its one order', async () => {
  await using fixture = await startOrderFixture({
    ...PATIENT,
    MAX_CALLS: '4',
    MAX_QUEUED_CALLS: '8',
    MAX_QUEUE_MS: '200',
  });
  fixture.payment.virtual
    .stub(processPayment)
    .delays(30)
    .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
  const requests = Array.from({ length: 60 }, () => validRequest());
  const results = await Promise.allSettled(requests.map((request) => fixture.client.createOrder(request)));

  const shed = requests.filter((_, index) => results[index]?.status === 'rejected');
  const served = requests.length - shed.length;
  expect(served).toBeGreaterThanOrEqual(4);
  expect(shed.length).toBeGreaterThan(0);
  for (const result of results) {
    if (result.status === 'fulfilled') continue;
    const error = ConnectError.from(result.reason);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('OVERLOADED');
    expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
  }
  expect(await fixture.sql('select from orders')).toHaveLength(served);
  // No dependency was called for a shed order.
  expect(fixture.payment.virtual.requests(processPayment).length).toBeLessThanOrEqual(served);

  await Promise.all(shed.map((request) => untilAccepted(fixture, request)));
  expect(await fixture.sql('select from orders')).toHaveLength(requests.length);
});

it('a burst of 150 orders is served completely, each once, with the default limits', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  expect(await readGauge(fixture, 'bulkhead_limit', 'calls')).toBe(32);

  const answers = await Promise.all(Array.from({ length: 150 }, () => fixture.place()));

  expect(new Set(answers.map(({ order }) => order?.orderId)).size).toBe(150);
  expect(await fixture.sql('select from orders')).toHaveLength(150);
});

it('while payment is slow and more orders arrive than end, the limit stays: waiting is not counted as load', async () => {
  await using fixture = await startOrderFixture({ ...PATIENT, MAX_QUEUED_CALLS: '1', MAX_QUEUE_MS: '200' });
  // By then the baseline latency of an order is known.
  for (let order = 0; order < 20; order += 1) await fixture.place();
  fixture.payment.virtual
    .stub(processPayment)
    .delays(1_000)
    .replies(({ orderId }) => ({
      charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: `ch-${orderId}` },
    }));
  let ended = 0;
  let isOver = false;
  // One has no slot, one no place in the queue: it calls again at once.
  const callers = Array.from({ length: 34 }, async () => {
    while (!isOver) {
      const answer = await fixture.place().catch((error: unknown) => {
        if (ConnectError.from(error).code !== Code.ResourceExhausted) throw error;
      });
      if (answer !== undefined) ended += 1;
    }
  });

  try {
    await expect.poll(() => ended, { timeout: 25_000, interval: 100 }).toBeGreaterThanOrEqual(70);
    // If it were, four would be left.
    expect(await readGauge(fixture, 'bulkhead_limit', 'calls')).toBeGreaterThan(8);
  } finally {
    isOver = true;
  }
  await Promise.all(callers);
});

it('while it is full, operators are answered and streams continue', async () => {
  await using fixture = await startOrderFixture({ ...PATIENT, MAX_CALLS: '1', MAX_QUEUED_CALLS: '0' });
  const answer = Promise.withResolvers<void>();
  fixture.payment.virtual.stub(processPayment).replies(async ({ orderId }) => {
    await answer.promise;
    return { charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } };
  });
  const placing = fixture.place();
  await expect.poll(() => fixture.payment.virtual.requests(processPayment)).toHaveLength(1);
  const { orderId } = fixture.payment.virtual.requests(processPayment)[0]!;

  await expect(fixture.client.getOrder({ orderId })).rejects.toMatchObject({ code: Code.ResourceExhausted });
  const watching = fixture.client.watchOrder({ orderId })[Symbol.asyncIterator]();
  expect((await watching.next()).value?.order?.orderId).toBe(orderId);
  expect((await fixture.service.ops.getStatus({})).status?.databaseUp).toBe(true);
  expect((await fetch(`${fixture.service.url}/metrics`)).status).toBe(200);

  answer.resolve();
  expect((await placing).outcome).toBe(Outcome.CONFIRMED);
  while (!(await watching.next()).done);
});

it('300 orders blocked by inventory are resumed: one alone first, then never more than 8 at once', async () => {
  await using fixture = await startOrderFixture({ ...PATIENT, BREAKER_RESET_MS: '500' });
  fixture.inventory.virtual.stub(reserveStock).fails(Code.Unavailable, 'away');
  for (let round = 0; round < 15; round += 1) {
    await Promise.all(Array.from({ length: 20 }, () => untilAccepted(fixture, validRequest())));
  }

  let inside = 0;
  let most = 0;
  let answered = 0;
  const insideBeforeFirstAnswer: number[] = [];
  fixture.inventory.virtual.stub(reserveStock).replies(async ({ orderId }) => {
    inside += 1;
    most = Math.max(most, inside);
    if (answered === 0) insideBeforeFirstAnswer.push(inside);
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    inside -= 1;
    answered += 1;
    return { reservation: { orderId, reservationId: `res-${orderId}` } };
  });
  // The worst case: all of them are due at the same moment.
  await fixture.sql(`update orders set resume_time = now(), lease_until = now() where status = 'PENDING'`);

  const confirmed = async () =>
    (await fixture.sql<{ count: number }>(`select count(*)::int from orders where status = 'CONFIRMED'`))[0]?.count;
  await expect.poll(confirmed, { timeout: 30_000, interval: 100 }).toBe(300);
  expect(insideBeforeFirstAnswer).toEqual([1]);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(8);
  expect(new Set(fixture.payment.virtual.requests(processPayment).map(({ orderId }) => orderId)).size).toBe(300);
});
