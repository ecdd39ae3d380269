// More concurrent calls than the running order service accepts: some are rejected with retry advice, and none is lost.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { expect, it, vi } from 'vitest';
import type { CreateOrderResponse } from '#gen/shop/order/v1/order_service_pb.ts';
import {
  type AcknowledgedOrder,
  acknowledgedOrder,
  checkInvariants,
  listViolations,
  sourcesOf,
} from '../support/invariants/invariants.ts';
import { PATIENT_DATABASE } from '../support/patience.ts';
import {
  addProduct,
  awaitOrder,
  type Failure,
  failureOf,
  orderRequest,
  readProviderCharges,
  startTestStack,
} from '../support/stack.ts';

const BURST = 40;
const PATIENCE = { timeout: 60_000, interval: 100 };
// Calls are rejected only because the queue is full, never because they waited too long.
const SMALL = { MAX_CALLS: '2', MAX_QUEUED_CALLS: '2', MAX_QUEUE_MS: '30000' };

it('a burst is partly rejected immediately with advice; retried with the same keys, each order is confirmed once', async () => {
  await using platform = await startTestStack(PATIENT_DATABASE, { serviceEnvironment: { order: SMALL } });
  const productId = await addProduct(platform, { onHand: BURST });
  const customerId = randomUUID();
  const requests = Array.from({ length: BURST }, () =>
    orderRequest({ customerId, items: [{ productId, quantity: 1 }] }),
  );

  const refusals: Failure[] = [];
  const acknowledged: AcknowledgedOrder[] = [];
  const place = async (request: (typeof requests)[number]): Promise<CreateOrderResponse> => {
    const placing = platform.orders.createOrder(request);
    const answer = await placing.catch(async () => {
      refusals.push(await failureOf(placing));
      return await vi.waitFor(() => platform.orders.createOrder(request), PATIENCE);
    });
    acknowledged.push(acknowledgedOrder(request.idempotencyKey, answer));
    return answer;
  };
  const answers = await Promise.all(requests.map(place));
  for (const { order } of answers) await awaitOrder(platform, order?.orderId);

  const shed = refusals.filter(({ code }) => code === Code.ResourceExhausted);
  expect(shed.length).toBeGreaterThan(0);
  for (const { reason, retryAfterMs } of shed) {
    expect(reason).toBe('OVERLOADED');
    expect(retryAfterMs).toBeGreaterThanOrEqual(500);
    expect(retryAfterMs).toBeLessThanOrEqual(1_500);
  }
  const metrics = await (await fetch(`${platform.stack.url('order')}/metrics`)).text();
  expect(metrics).toMatch(/bulkhead_rejected_total\{.*bulkhead="calls".*\} [1-9]/);
  const { orders } = await vi.waitFor(() => platform.orders.listOrders({ customerId, pageSize: 200 }), PATIENCE);
  expect(orders).toHaveLength(BURST);
  for (const { orderId } of orders) expect(await readProviderCharges(platform, orderId)).toHaveLength(1);
  expect((await platform.inventory.getProduct({ productId })).product).toMatchObject({ onHand: 0, reserved: 0 });
  const known = { acknowledged, openingStock: new Map([[productId, BURST]]) };
  expect(listViolations(await checkInvariants(sourcesOf(platform.stack), known))).toEqual([]);
});
