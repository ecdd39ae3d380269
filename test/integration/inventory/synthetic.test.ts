// Reservations of synthetic orders in the real inventory: nobody gets what they buy, so it is back in stock at once.
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { openSession } from '../../support/contracts/contracts.ts';
import { startInventory, startInventoryFixture } from '../../support/services/inventory.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';

const call = { headers: { 'x-synthetic-credential': TEST_CREDENTIAL } };
const lines = [{ productId: 'test-product', quantity: 7 }];

it('hold the test product while they run, and give it back when they are confirmed', async () => {
  await using shelf = await startInventoryFixture();
  await shelf.client.reserveStock({ orderId: 'test-1', lines, synthetic: true }, call);
  expect(await shelf.available('test-product')).toBe(993);

  const { reservation } = await shelf.client.confirmReservation({ orderId: 'test-1' });

  expect(reservation?.state).toBe(ReservationState.CONFIRMED);
  const { product } = await shelf.client.getProduct({ productId: 'test-product' });
  expect(product).toMatchObject({ onHand: 1_000, reserved: 0, available: 1_000 });
  await using session = await openSession(shelf.database.superuserUrl);
  expect(await session.sql(`select sold::int as sold from product where product_id = 'test-product'`)).toEqual([
    { sold: 0 },
  ]);
});

it('are refused to a caller that has another credential', async () => {
  await using shelf = await startInventoryFixture();
  const other = { headers: { 'x-synthetic-credential': 'another credential' } };
  await expect(shelf.client.reserveStock({ orderId: 'o', lines, synthetic: true }, other)).rejects.toMatchObject({
    code: Code.PermissionDenied,
  });
});

it('are forgotten after their retention, but for the tombstones', async () => {
  await using shelf = await startInventoryFixture();
  for (const orderId of ['sold', 'released', 'held']) {
    await shelf.client.reserveStock({ orderId, lines, synthetic: true }, call);
  }
  await shelf.client.reserveStock({ orderId: 'real', lines: [{ productId: 'prod456', quantity: 1 }] });
  await shelf.client.confirmReservation({ orderId: 'sold' });
  await shelf.client.confirmReservation({ orderId: 'real' });
  await shelf.client.releaseReservation({ orderId: 'released' });
  await using session = await openSession(shelf.database.superuserUrl);
  await session.sql(`update reservation set update_time = now() - interval '25 hours'`);

  await using _replica = await startInventory(shelf);

  const left = async () =>
    (await session.sql<{ id: string }>('select order_id as id from reservation order by 1')).map(({ id }) => id);
  await expect.poll(left, { timeout: 10_000 }).toEqual(['held', 'real', 'released']);
  await expect(shelf.client.reserveStock({ orderId: 'released', lines, synthetic: true }, call)).rejects.toMatchObject({
    code: Code.FailedPrecondition,
  });
});
