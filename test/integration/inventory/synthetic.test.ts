// Reservations of synthetic orders in the real inventory: confirmed units return to stock at once.
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { openSession } from '../../support/contracts/contracts.ts';
import { startInventory, startInventoryFixture } from '../../support/services/inventory.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';

const call = { headers: { 'x-synthetic-credential': TEST_CREDENTIAL } };
const lines = [{ productId: 'test-product', quantity: 7 }];

it('hold the test product while they run, and return it when they are confirmed', { tags: 'seed-8.1' }, async () => {
  await using fixture = await startInventoryFixture();
  await fixture.client.reserveStock({ orderId: 'test-1', lines, synthetic: true }, call);
  expect(await fixture.available('test-product')).toBe(993);

  const { reservation } = await fixture.client.confirmReservation({ orderId: 'test-1' });

  expect(reservation?.state).toBe(ReservationState.CONFIRMED);
  const { product } = await fixture.client.getProduct({ productId: 'test-product' });
  expect(product).toMatchObject({ onHand: 1_000, reserved: 0, available: 1_000 });
  await using session = await openSession(fixture.database.superuserUrl);
  expect(await session.sql(`select sold::int as sold from product where product_id = 'test-product'`)).toEqual([
    { sold: 0 },
  ]);
});

it('are refused to a caller that has another credential', async () => {
  await using fixture = await startInventoryFixture();
  const other = { headers: { 'x-synthetic-credential': 'another credential' } };
  await expect(fixture.client.reserveStock({ orderId: 'o', lines, synthetic: true }, other)).rejects.toMatchObject({
    code: Code.PermissionDenied,
  });
});

it('are deleted after their retention, except the tombstones', { tags: 'seed-8.1' }, async () => {
  await using fixture = await startInventoryFixture();
  for (const orderId of ['sold', 'released', 'held']) {
    await fixture.client.reserveStock({ orderId, lines, synthetic: true }, call);
  }
  await fixture.client.reserveStock({ orderId: 'real', lines: [{ productId: 'prod456', quantity: 1 }] });
  await fixture.client.confirmReservation({ orderId: 'sold' });
  await fixture.client.confirmReservation({ orderId: 'real' });
  await fixture.client.releaseReservation({ orderId: 'released' });
  await using session = await openSession(fixture.database.superuserUrl);
  await session.sql(`update reservation set update_time = now() - interval '25 hours'`);

  await using _replica = await startInventory(fixture);

  const left = async () =>
    (await session.sql<{ id: string }>('select order_id as id from reservation order by 1')).map(({ id }) => id);
  await expect.poll(left, { timeout: 10_000 }).toEqual(['held', 'real', 'released']);
  await expect(
    fixture.client.reserveStock({ orderId: 'released', lines, synthetic: true }, call),
  ).rejects.toMatchObject({
    code: Code.FailedPrecondition,
  });
});
