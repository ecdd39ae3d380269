// How the order service reads availability and prices from inventory, with its real client.
import { readFile } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { eachLike, like, regex } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import {
  QuoteLine_Availability as Availability,
  QuoteOrderRequestSchema,
} from '#gen/shop/order/v1/order_service_pb.ts';
import { createCatalogueLoader } from '#services/order/load-catalogue.ts';
import { quoteOrder } from '#services/order/quote-order.ts';
import { contractFile, shopContract } from '../../support/contracts/contracts.ts';
import { testCall } from '../../support/services/call.ts';
import { createFakePriceStore, euros, silentLog } from '../../support/services/order-builders.ts';
import { awaited, POLICIES, refusal, withDependency } from './consumer-fixture.ts';

const inventory = shopContract('OrderService', 'InventoryService');
const { checkAvailability, listProducts } = InventoryService.method;

/** What a quote for one of a product says of its stock. */
async function quote(url: string, productId: string, quantity = 1): Promise<Availability | undefined> {
  const prices = createFakePriceStore();
  await prices.put([{ productId, unitPrice: euros(5_999n), version: 1n }]);
  const request = create(QuoteOrderRequestSchema, { customerId: 'cust123', items: [{ productId, quantity }] });
  const { lines } = await withDependency('inventory', InventoryService, url, (client) =>
    quoteOrder(
      { inventory: client, prices, pricingVersionFor: async () => 'v1' },
      request,
      testCall({ budgetMs: 2_500 }),
    ),
  );
  return lines[0]?.availability;
}

describe('CheckAvailability', () => {
  it('product 12345 exists with stock: it is available, quantity 100, and the contract file is written', {
    tags: 'seed-3.3',
  }, async () => {
    const availabilities = await awaited(
      'inventory',
      inventory
        .given('product 12345 exists with stock', { productId: '12345', quantity: 100 })
        .uponReceiving('a question for the availability of product 12345')
        .calls(checkAvailability, { productId: '12345' }),
    )
      .repliesWith({ productId: '12345', available: true, quantity: 100 })
      .run(async ({ url }) => [await quote(url, '12345', 100), await quote(url, '12345', 101)]);

    expect(availabilities).toEqual([Availability.IN_STOCK, Availability.SHORT]);
    const { interactions } = JSON.parse(await readFile(contractFile('OrderService', 'InventoryService'), 'utf8'));
    expect(interactions).toContainEqual(
      expect.objectContaining({
        description: 'a question for the availability of product 12345',
        providerStates: [{ name: 'product 12345 exists with stock', params: { productId: '12345', quantity: 100 } }],
        response: expect.objectContaining({
          body: expect.objectContaining({ content: { productId: '12345', available: true, quantity: 100 } }),
        }),
      }),
    );
  });

  it('makes a quote SHORT when there is less than requested', async () => {
    const availability = await awaited(
      'inventory',
      inventory
        .given('product prod789 is nearly sold out', { productId: 'prod789', quantity: 3 })
        .uponReceiving('a question for the availability of a product of which more is wanted')
        .calls(checkAvailability, { productId: 'prod789' }),
    )
      .repliesWith({ available: true, quantity: 3 })
      .run(({ url }) => quote(url, 'prod789', 4));

    expect(availability).toBe(Availability.SHORT);
  });

  it('makes a quote SHORT when nothing is left, although zero is absent on the wire', async () => {
    const availability = await awaited(
      'inventory',
      inventory
        .given('product prod789 is sold out', { productId: 'prod789', quantity: 0 })
        .uponReceiving('a question for the availability of a product that is sold out')
        .calls(checkAvailability, { productId: 'prod789' }),
    )
      .repliesWith({ available: false, quantity: 0 })
      .run(({ url }) => quote(url, 'prod789'));

    expect(availability).toBe(Availability.SHORT);
  });

  it('leaves a quote without availability when inventory has no such product', async () => {
    const availability = await awaited(
      'inventory',
      inventory
        .given('product no-such-product does not exist')
        .uponReceiving('a question for the availability of a product that is not there')
        .calls(checkAvailability, { productId: 'no-such-product' }),
    )
      .failsWith(Code.NotFound, 'there is no product no-such-product', refusal('PRODUCT_NOT_FOUND'))
      .run(({ url }) => quote(url, 'no-such-product'));

    expect(availability).toBe(Availability.UNSPECIFIED);
  });

  it('is refused by the contract when it has no deadline or no trace', async () => {
    const declared = awaited(
      'inventory',
      inventory
        .given('product 12345 exists with stock', { productId: '12345', quantity: 100 })
        .uponReceiving('a question for the availability of product 12345')
        .calls(checkAvailability, { productId: '12345' }),
    ).repliesWith({ productId: '12345', available: true, quantity: 100 });

    const careless = declared.run(({ url }) => {
      const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' });
      return createClient(InventoryService, transport).checkAvailability({ productId: '12345' }, { timeoutMs: 1_001 });
    });

    await expect(careless).rejects.toThrow(
      /metadata\["traceparent"\] is nothing, not a text like .*; deadline is 1001 ms, not at most 1000 ms/,
    );
  });
});

describe('ListProducts', () => {
  const product = (productId: string) => ({
    productId: like(productId),
    unitPrice: { currencyCode: regex(/^[A-Z]{3}$/, 'EUR'), minorUnits: like(5_999n) },
    version: like(1n),
  });

  /** Loads the prices as the order service does at its first start. */
  const load = (url: string) =>
    withDependency('inventory', InventoryService, url, async (client) => {
      const prices = createFakePriceStore(false);
      prices.prices.clear();
      const loader = createCatalogueLoader({ inventory: client, prices, log: silentLog });
      await loader.start();
      try {
        await expect.poll(() => prices.loaded).toBe(true);
      } finally {
        await loader.stop();
      }
      return prices.prices;
    });

  it('of one page is read in one call', async () => {
    const prices = await inventory
      .given('the catalogue fits on a page')
      .uponReceiving('a question for all products')
      .calls(listProducts, { pageSize: 200 })
      .withDeadline({ atMostMs: POLICIES.inventory.timeoutMs })
      .repliesWith({ products: eachLike(product('12345')), nextPageToken: '' })
      .run(({ url }) => load(url));

    expect([...prices.values()]).toMatchObject([{ productId: '12345', unitPrice: euros(5_999n), version: 1n }]);
  });

  it('of more is read page by page, with the token that inventory gave', async () => {
    const token = 'WyJ0TFR2RGV2dDV2OEoiLCJwYWdlLTE5OSJd';
    const first = inventory
      .given('the catalogue fills two pages')
      .uponReceiving('a question for the first page of products')
      .calls(listProducts, { pageSize: 200 })
      .withDeadline({ atMostMs: POLICIES.inventory.timeoutMs })
      .repliesWith({ products: eachLike(product('page-001'), { atMost: 200 }), nextPageToken: token });
    const second = inventory
      .given('the catalogue fills two pages')
      .uponReceiving('a question for the next page of products')
      .calls(listProducts, { pageSize: 200, pageToken: token })
      .withDeadline({ atMostMs: POLICIES.inventory.timeoutMs })
      .repliesWith({ products: eachLike(product('page-200')), nextPageToken: '' });

    const prices = await inventory.run([first, second], ({ url }) => load(url));

    expect([...prices.keys()]).toEqual(['page-001', 'page-200']);
  });
});
