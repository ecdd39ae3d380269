// The events in inventory's real stream, verified against its consumers' contracts.
import { randomUUID } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type CapturedEvent, type ExpectedEvent, type Verification, verifyEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InsufficientStockSchema,
  type ProductChanged,
  ProductChangedSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { brokenInteractions, captureEvents, contractFile } from '../../support/contracts/contracts.ts';
import { keepVerification } from '../../support/contracts/verification-results.ts';
import { type InventoryFixture, lines, reasonOf, startInventoryFixture } from '../../support/services/inventory.ts';

const resources = new AsyncDisposableStack();
let inventory: InventoryFixture;

// One service for the file: every event has its own order or product.
beforeAll(async () => {
  inventory = resources.use(await startInventoryFixture());
});
afterAll(() => resources.disposeAsync());

/** The use cases that publish the events of the contracts, by their description there. */
const useCases: Record<string, () => Promise<string>> = {
  'StockReserved for an order': async () => {
    const orderId = randomUUID();
    await inventory.client.reserveStock({ orderId, lines: lines(['prod456', 2]) });
    return orderId;
  },
  'the news that there is not enough for an order': async () => {
    const orderId = randomUUID();
    const refused = inventory.client.reserveStock({ orderId, lines: lines(['prod456', 200]) });
    expect(await reasonOf(refused)).toBe('INSUFFICIENT_STOCK');
    return orderId;
  },
  'StockReleased for an order that had a reservation': async () => {
    const orderId = randomUUID();
    await inventory.client.reserveStock({ orderId, lines: lines(['prod456', 2]) });
    await inventory.client.releaseReservation({ orderId });
    return orderId;
  },
  'the news of a product': () => putProduct(randomUUID(), 1_999n),
  'the news that a product has another price': async () => {
    const productId = await putProduct(randomUUID(), 1_999n);
    return await putProduct(productId, 2_499n);
  },
  'the news that a product has another name': async () => {
    const productId = await putProduct(randomUUID(), 1_999n);
    return await putProduct(productId, 1_999n, 'A brighter lamp');
  },
};

async function putProduct(productId: string, minorUnits: bigint, name = 'A lamp'): Promise<string> {
  await inventory.client.upsertProduct({ productId, name, unitPrice: { currencyCode: 'EUR', minorUnits } });
  return productId;
}

async function publish({ description, subject }: ExpectedEvent): Promise<CapturedEvent[]> {
  const id = await useCases[description]?.();
  if (id === undefined) throw new Error(`no use case publishes "${description}"`);
  return await captureEvents(inventory.nats, subject, id, description.includes('has another') ? 2 : 1);
}

function verify(
  consumer: string,
  publishEvents: (expected: ExpectedEvent) => Promise<CapturedEvent[]>,
): Promise<Verification> {
  return verifyEvents({
    contracts: contractFile(consumer, 'InventoryService'),
    provider: 'InventoryService',
    types: [StockReservedSchema, InsufficientStockSchema, StockReleasedSchema, ProductChangedSchema],
    publish: publishEvents,
  });
}

describe("inventory's stream", () => {
  it.each([
    ['OrderService', 4],
    ['AnalyticsService', 5],
  ])('has every event that %s relies on: subject, headers and body', async (consumer, events) => {
    const verification = await verify(consumer, publish);
    await keepVerification(contractFile(consumer, 'InventoryService'), 'events', verification);

    verification.assertHonoured();
    expect(verification.interactions).toHaveLength(events);
  });

  it.each<{ drift: string; change: (event: CapturedEvent) => CapturedEvent; broken: number; reported: string }>([
    {
      drift: 'a price that is no longer reported',
      change: (event) => changeProduct(event, ({ unitPrice: _unitPrice, ...rest }) => rest),
      broken: 2,
      reported: 'body.unitPrice\n      expected a shop.common.v1.Money\n      actual   nothing',
    },
    {
      drift: 'a version that no longer grows',
      change: (event) => changeProduct(event, (product) => ({ ...product, version: 1n })),
      broken: 1,
      reported: 'body.version\n      expected 2\n      actual   1',
    },
    {
      drift: 'another source in the envelope',
      change: (event) => ({ ...event, headers: { ...event.headers, 'ce-source': '/stock' } }),
      broken: 4,
      reported: 'headers["ce-source"]\n      expected "/shop/inventory"\n      actual   "/stock"',
    },
    {
      drift: 'another subject',
      change: (event) => ({ ...event, subject: event.subject.replace('v1', 'v2') }),
      broken: 4,
      reported:
        'subject\n      expected "shop.inventory.v1.StockReserved"\n      actual   "shop.inventory.v2.StockReserved"',
    },
  ])('that has drifted is reported by name: $drift', async ({ change, broken, reported }) => {
    const verification = await verify('OrderService', async (expected) => (await publish(expected)).map(change));

    expect(brokenInteractions(verification)).toHaveLength(broken);
    expect(verification.toString()).toContain(reported);
  });
});

function changeProduct(event: CapturedEvent, change: (product: ProductChanged) => object): CapturedEvent {
  if (event.subject !== ProductChangedSchema.typeName) return event;
  const changed = change(fromBinary(ProductChangedSchema, event.payload));
  return { ...event, payload: toBinary(ProductChangedSchema, create(ProductChangedSchema, changed)) };
}
