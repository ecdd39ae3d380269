// The events of inventory as analytics consumes them: its real handlers over its real database.
import { anyTimestamp, like } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { envelopeOf, inTurn, shopContract } from '../../support/contracts/contracts.ts';
import { openSalesFixture, type SalesFixture } from './sales-fixture.ts';

// The handlers decode the events, so the fields they read are recorded there.
const inventory = shopContract('AnalyticsService', 'InventoryService');

const ORDER = '0b6d8f8e-60d5-4f0e-8a51-0f9d7a3c2b11';
const SHORT_ORDER = '1c7e9a9f-71e6-4a1f-9b62-1a0e8b4d3c22';

const reserved = () =>
  inventory
    .uponReceiving('StockReserved for an order')
    .event(
      StockReservedSchema,
      { orderId: like(ORDER), synthetic: false, reserveTime: anyTimestamp() },
      envelopeOf(StockReservedSchema, '60000000-0000-4000-8000-000000000001'),
    );
const short = () =>
  inventory
    .uponReceiving('the news that there is not enough for an order')
    .event(
      InsufficientStockSchema,
      { orderId: like(SHORT_ORDER), synthetic: false, rejectTime: anyTimestamp() },
      envelopeOf(InsufficientStockSchema, '60000000-0000-4000-8000-000000000002'),
    );
const released = () =>
  inventory
    .uponReceiving('StockReleased for an order that had a reservation')
    .event(
      StockReleasedSchema,
      { orderId: like(ORDER), synthetic: false, releaseTime: anyTimestamp() },
      envelopeOf(StockReleasedSchema, '60000000-0000-4000-8000-000000000003'),
    );
const productAdded = () =>
  inventory
    .uponReceiving('the news of a product')
    .event(
      ProductChangedSchema,
      { productId: like('prod999'), name: 'A lamp', version: 1n, changeTime: anyTimestamp() },
      envelopeOf(ProductChangedSchema, '60000000-0000-4000-8000-000000000004'),
    );
const productRenamed = () =>
  inventory
    .uponReceiving('the news that a product has another name')
    .event(
      ProductChangedSchema,
      { productId: like('prod999'), name: 'A brighter lamp', version: 2n, changeTime: anyTimestamp() },
      envelopeOf(ProductChangedSchema, '60000000-0000-4000-8000-000000000005'),
    );

let fixture: SalesFixture;

// One fixture for the file: every test starts with an empty database.
beforeAll(async () => {
  fixture = await openSalesFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe("inventory's event", () => {
  it('StockReserved, InsufficientStock and StockReleased count the step once, however often they are delivered', async () => {
    const check = async () => expect(await fixture.steps()).toEqual({ RESERVED: 1, SHORT: 1, RELEASED: 1 });

    await inventory.handle([reserved(), short(), released()], inTurn(fixture.handleAgain, fixture.begin, check), {
      deliveries: ['once', 'redelivered', 'reordered'],
    });
  });

  it('ProductChanged sets a product’s newest name, in any order of delivery', async () => {
    const check = async () =>
      expect(await fixture.sql('select product_id, name from product_name')).toEqual([
        { product_id: 'prod999', name: 'A brighter lamp' },
      ]);

    await inventory.handle([productAdded(), productRenamed()], inTurn(fixture.handleAgain, fixture.begin, check), {
      deliveries: ['once', 'redelivered', 'reordered'],
    });
  });
});
