// The prices of the order service: where they come from, and what calls answer without them.
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ProductChangedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { publishAgain, publishEvent } from '../../support/events.ts';
import { startTestNats } from '../../support/nats.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { callRaw } from '../../support/raw-call.ts';
import {
  type OrderFixture,
  rpcFailureOf,
  startOrderFixture,
  startOrderService,
  startVirtualInventory,
  validRequest,
} from '../../support/services/order.ts';
import { PATIENT } from './patience.ts';

const price = (productId: string, minorUnits: bigint, version: bigint) => ({
  productId,
  unitPrice: { currencyCode: 'EUR', minorUnits },
  version,
});

/** What one of a product costs by now. */
async function quoted(fixture: OrderFixture, productId: string): Promise<bigint | undefined> {
  const { total } = await fixture.client.quoteOrder({ customerId: 'c', items: [{ productId, quantity: 1 }] });
  return total?.minorUnits;
}

it('without prices an order is unavailable with RetryInfo, and accepted once inventory is up', async () => {
  await using database = await createTestDatabase('order');
  await using nats = await startTestNats();
  await using inventory = await startVirtualInventory();
  await inventory.goDown();
  await using service = await startOrderService({
    ORDER_DATABASE_URL: database.databaseUrl,
    NATS_URL: nats.url('order'),
    INVENTORY_URL: inventory.url,
  });
  const request = validRequest();
  const error = await rpcFailureOf(service.client.createOrder(request));
  expect(error.code).toBe(Code.Unavailable);
  expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('CATALOGUE_NOT_LOADED');
  expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
  const health = async () => (await callRaw(service.url, 'grpc.health.v1.Health/Check', { body: '{}' })).text;
  expect(await health()).toContain('"NOT_SERVING"');

  await inventory.comeUp();
  await expect
    .poll(async () => (await service.client.createOrder(request)).order?.total?.minorUnits, { timeout: 8_000 })
    .toBe(5_999n);
  await expect.poll(health).toContain('"SERVING"');
});

it('reads all pages of ListProducts at the first start only', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  fixture.inventory.virtual.received(InventoryService.method.listProducts).times(1);
  const replica = await fixture.startReplica();
  expect((await replica.client.createOrder(validRequest())).outcome).toBe(Outcome.CONFIRMED);
  fixture.inventory.virtual.received(InventoryService.method.listProducts).times(1);
});

it('ProductChanged brings a new product and a new price', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  await publishEvent(fixture.nats, ProductChangedSchema, price('brand-new', 700n, 1n));
  await publishEvent(fixture.nats, ProductChangedSchema, price('12345', 6_499n, 2n));
  await expect.poll(() => quoted(fixture, '12345')).toBe(6_499n);
  await expect.poll(() => quoted(fixture, 'brand-new')).toBe(700n);
  const { order } = await fixture.place({ items: [{ productId: '12345', quantity: 2 }] });
  expect(order?.total?.minorUnits).toBe(12_998n);
});

it('a basket above what can be charged is refused before it is stored, naming the quantity', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  await publishEvent(fixture.nats, ProductChangedSchema, price('yacht', 1_000_000_000_000n, 1n));
  await expect.poll(() => quoted(fixture, 'yacht')).toBe(1_000_000_000_000n);
  const items = [{ productId: 'yacht', quantity: 9_008 }];
  const description = 'must cost at most 9007199254740991 minor units, costs 9008000000000000';
  for (const call of [() => fixture.place({ items }), () => fixture.client.quoteOrder({ customerId: 'c', items })]) {
    const error = await rpcFailureOf(call());
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
      { field: 'items[0].quantity', description },
    ]);
  }
  expect(await fixture.sql('select from orders')).toEqual([]);
  const { outcome } = await fixture.place({ items: [{ productId: 'yacht', quantity: 9_007 }] });
  expect(outcome).toBe(Outcome.CONFIRMED);
});

it('ignores an older version of a product and a redelivered event', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  const event = await publishEvent(fixture.nats, ProductChangedSchema, price('12345', 6_499n, 5n));
  await expect.poll(() => quoted(fixture, '12345')).toBe(6_499n);
  await publishEvent(fixture.nats, ProductChangedSchema, price('12345', 1n, 4n));
  await publishAgain(fixture.nats, event);
  await publishEvent(fixture.nats, ProductChangedSchema, price('marker', 1n, 1n));
  await expect.poll(() => fixture.sql(`select from product_price where product_id = 'marker'`)).toHaveLength(1);
  await expect.poll(() => fixture.sql('select from inbox')).toHaveLength(3);
  expect(await quoted(fixture, '12345')).toBe(6_499n);
});

it('an order keeps the prices it was accepted with', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  const { order } = await fixture.place();
  await publishEvent(fixture.nats, ProductChangedSchema, price('12345', 9_999n, 2n));
  await expect.poll(() => quoted(fixture, '12345')).toBe(9_999n);
  expect((await fixture.read(order!.orderId)).items[0]?.unitPrice?.minorUnits).toBe(5_999n);
});

it('an invalid product event becomes a dead letter, and later events are applied', async () => {
  await using fixture = await startOrderFixture(PATIENT);
  await publishEvent(fixture.nats, ProductChangedSchema, { productId: 'priceless', version: 2n });
  await publishEvent(fixture.nats, ProductChangedSchema, price('12345', 6_499n, 2n));
  await expect.poll(() => quoted(fixture, '12345')).toBe(6_499n);
  await expect.poll(async () => (await fixture.service.ops.getStatus({})).status?.deadLetters).toBe(1n);
});
