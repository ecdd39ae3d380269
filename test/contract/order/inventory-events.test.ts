// How the order service handles inventory's events: its real handlers over its real database.
import { like, replayRecordedEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InsufficientStockSchema,
  ProductChangedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { createPriceStore } from '#services/order/price-store.ts';
import { envelopeOf, inTurn, recordedEvents, shopContract } from '../../support/contracts/contracts.ts';
import { euros } from '../../support/services/order-builders.ts';
import { type OrderEventFixture, openOrderEventFixture } from './event-fixture.ts';

const inventory = shopContract('OrderService', 'InventoryService');

const RESERVED_ORDER = '0b6d8f8e-60d5-4f0e-8a51-0f9d7a3c2b11';
const SHORT_ORDER = '1c7e9a9f-71e6-4a1f-9b62-1a0e8b4d3c22';

const stockReserved = () =>
  inventory
    .uponReceiving('StockReserved for an order')
    .event(
      StockReservedSchema,
      { orderId: like(RESERVED_ORDER) },
      envelopeOf(StockReservedSchema, '10000000-0000-4000-8000-000000000001'),
    );
const insufficientStock = () =>
  inventory
    .uponReceiving('the news that there is not enough for an order')
    .event(
      InsufficientStockSchema,
      { orderId: like(SHORT_ORDER) },
      envelopeOf(InsufficientStockSchema, '10000000-0000-4000-8000-000000000002'),
    );
const productAdded = () =>
  inventory
    .uponReceiving('the news of a product')
    .event(
      ProductChangedSchema,
      { productId: like('prod999'), unitPrice: { currencyCode: 'EUR', minorUnits: 1_999n }, version: 1n },
      envelopeOf(ProductChangedSchema, '10000000-0000-4000-8000-000000000003'),
    );
const priceChanged = () =>
  inventory
    .uponReceiving('the news that a product has another price')
    .event(
      ProductChangedSchema,
      { productId: like('prod999'), unitPrice: { currencyCode: 'EUR', minorUnits: 2_499n }, version: 2n },
      envelopeOf(ProductChangedSchema, '10000000-0000-4000-8000-000000000004'),
    );

let fixture: OrderEventFixture;

// One fixture for the file: every run of the handlers begins with an empty database.
beforeAll(async () => {
  fixture = await openOrderEventFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const beginWaiting = () => fixture.begin(RESERVED_ORDER, SHORT_ORDER);

describe("inventory's event", () => {
  it('StockReserved makes a blocked order due immediately, once however often it is delivered', async () => {
    const check = async () => {
      expect(await fixture.claimDue()).toEqual([RESERVED_ORDER]);
      expect(fixture.wakeResumer).toHaveBeenCalledOnce();
    };

    await stockReserved().handledBy(inTurn(fixture.handle, beginWaiting, check), {
      deliveries: ['once', 'redelivered'],
    });
  });

  it('InsufficientStock makes a blocked order due immediately, once however often it is delivered', async () => {
    const check = async () => {
      expect(await fixture.claimDue()).toEqual([SHORT_ORDER]);
      expect(fixture.wakeResumer).toHaveBeenCalledOnce();
    };

    await insufficientStock().handledBy(inTurn(fixture.handle, beginWaiting, check), {
      deliveries: ['once', 'redelivered'],
    });
  });

  it('about an unknown order changes nothing', async () => {
    const check = async () => expect(await fixture.claimDue()).toEqual([]);

    await inventory.handle(
      [stockReserved(), insufficientStock()],
      inTurn(fixture.handle, () => fixture.begin(), check),
      {
        deliveries: ['once', 'redelivered', 'reordered'],
      },
    );
  });

  it('ProductChanged gives a product its newest price, in whatever order the events arrive, even without an inbox', async () => {
    const seen: string[] = [];
    const check = async (delivery: string) => {
      const prices = await createPriceStore(fixture.database).find(['prod999']);
      expect(prices.get('prod999')).toEqual(euros(2_499n));
      seen.push(delivery);
    };

    await inventory.handle(
      [productAdded(), priceChanged()],
      inTurn(fixture.handleAgain, () => fixture.begin(), check),
      {
        deliveries: ['once', 'redelivered', 'reordered'],
      },
    );

    expect(seen).toEqual(['once', 'redelivered', 'reordered']);
  });

  it('that was recorded earlier is still handled', async () => {
    const orders = ['47cad163-d4ef-4491-8fea-975b8ed1e4c4', '52717f0a-c663-439b-9e0b-e81a09d6477d'];
    await fixture.begin(RESERVED_ORDER, ...orders);

    await replayRecordedEvents(recordedEvents(import.meta.url, 'inventory-events'), fixture.handle);

    expect(await fixture.claimDue()).toEqual(orders);
    expect(await createPriceStore(fixture.database).find(['prod900'])).toEqual(new Map([['prod900', euros(4_200n)]]));
  });
});
