import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it, vi } from 'vitest';
import { CheckAvailabilityResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import {
  QuoteLine_Availability as Availability,
  QuoteOrderRequestSchema,
} from '#gen/shop/order/v1/order_service_pb.ts';
import type { PricingVersionFor } from '#services/order/basket.ts';
import { type QuoteOrderDependencies, quoteOrder } from '#services/order/quote-order.ts';
import type { CallFailure } from '#services/platform/client/dependency-error.ts';
import { GUEST } from '#services/platform/identity/caller.ts';
import { testCall } from '../../support/services/call.ts';
import { callFailure } from '../../support/services/fake-dependencies.ts';
import { createFakePriceStore, euros, failureOf, faultsOf } from '../../support/services/order-builders.ts';
import { serve } from '../../support/services/serve.ts';

type CheckAvailability = QuoteOrderDependencies['inventory']['checkAvailability'];

/** Quotes with this quantity of every product in stock. */
function createQuoteFixture(quantity = 50) {
  const checkAvailability = vi.fn<CheckAvailability>(async ({ productId = '' }) =>
    create(CheckAvailabilityResponseSchema, { productId, available: quantity > 0, quantity }),
  );
  const prices = createFakePriceStore();
  const pricingVersionFor = vi.fn<PricingVersionFor>(async () => 'v1');
  const quote = (change: MessageInitShape<typeof QuoteOrderRequestSchema> = {}, budgetMs = 2_500) => {
    const request = { customerId: 'cust123', items: [{ productId: '12345', quantity: 10 }], ...change };
    const dependencies = { inventory: { checkAvailability }, prices, pricingVersionFor };
    return serve(QuoteOrderRequestSchema, request, (valid) => quoteOrder(dependencies, valid, testCall({ budgetMs })));
  };
  return { checkAvailability, prices, pricingVersionFor, quote };
}

describe('a quote', () => {
  it('has the total and the pricing version', async () => {
    expect(await createQuoteFixture().quote()).toMatchObject({ total: euros(59_990n), pricingVersion: 'v1' });
  });

  it('has a line for each requested product, in that order, with unit price and amount', async () => {
    const items = [
      { productId: 'prod789', quantity: 2 },
      { productId: 'prod456', quantity: 1 },
    ];
    expect((await createQuoteFixture().quote({ items })).lines).toMatchObject([
      { productId: 'prod789', quantity: 2, unitPrice: euros(1_250n), amount: euros(2_500n) },
      { productId: 'prod456', quantity: 1, unitPrice: euros(2_000n), amount: euros(2_000n) },
    ]);
  });

  it('uses the pricing version of the customer', async () => {
    const { pricingVersionFor, quote } = createQuoteFixture();
    pricingVersionFor.mockImplementation(async (customerId) => (customerId === 'chosen' ? 'v2' : 'v1'));
    expect(await quote({ customerId: 'chosen' })).toMatchObject({ total: euros(56_990n), pricingVersion: 'v2' });
    expect(await quote({ customerId: 'other' })).toMatchObject({ total: euros(59_990n), pricingVersion: 'v1' });
  });

  it.each([
    { stock: 11, availability: Availability.IN_STOCK },
    { stock: 10, availability: Availability.IN_STOCK },
    { stock: 9, availability: Availability.SHORT },
    { stock: 0, availability: Availability.SHORT },
  ])('of 10 with $stock in stock has the availability $availability', async ({ stock, availability }) => {
    expect((await createQuoteFixture(stock).quote()).lines[0]?.availability).toBe(availability);
  });

  it('calls inventory once for each product, with the time that is left', async () => {
    const { checkAvailability, quote } = createQuoteFixture();
    await quote({}, 2_500);
    expect(checkAvailability).toHaveBeenCalledExactlyOnceWith(
      { productId: '12345' },
      { timeoutMs: expect.any(Number) },
    );
    const { timeoutMs = 0 } = checkAvailability.mock.calls[0]?.[1] ?? {};
    expect(timeoutMs).toBeGreaterThan(2_000);
    expect(timeoutMs).toBeLessThanOrEqual(2_500);
  });

  it('gives each further batch of products the time that is left by then', async () => {
    const { checkAvailability, prices, pricingVersionFor } = createQuoteFixture();
    const items = Array.from({ length: 11 }, (_, index) => ({ productId: `product-${index}`, quantity: 1 }));
    await prices.put(items.map(({ productId }) => ({ productId, unitPrice: euros(1n), version: 1n })));
    const deadline = { remainingMs: () => 2_500 - 100 * checkAvailability.mock.calls.length };
    const request = create(QuoteOrderRequestSchema, { customerId: 'cust123', items });
    await quoteOrder({ inventory: { checkAvailability }, prices, pricingVersionFor }, request, {
      deadline,
      caller: GUEST,
    });
    expect(checkAvailability.mock.calls.at(-1)).toEqual([{ productId: 'product-10' }, { timeoutMs: 1_500 }]);
  });

  it.each([
    'timeout',
    'unreachable',
    'internal',
    'circuit_open',
    'overloaded',
    'not_called',
    'refused',
  ] as CallFailure[])('has prices but no availability when inventory fails: %s', async (failure) => {
    const { checkAvailability, quote } = createQuoteFixture();
    checkAvailability.mockRejectedValue(callFailure('inventory', failure));
    const { total, lines } = await quote();
    expect(total).toEqual(euros(59_990n));
    expect(lines[0]?.availability).toBe(Availability.UNSPECIFIED);
  });

  it('omits only the availability of the failed call', async () => {
    const { checkAvailability, quote } = createQuoteFixture();
    checkAvailability.mockRejectedValueOnce(callFailure('inventory', 'timeout'));
    const items = ['12345', 'prod456'].map((productId) => ({ productId, quantity: 1 }));
    expect((await quote({ items })).lines.map(({ availability }) => availability)).toEqual([
      Availability.UNSPECIFIED,
      Availability.IN_STOCK,
    ]);
  });

  it('rethrows a programming error', async () => {
    const { checkAvailability, quote } = createQuoteFixture();
    checkAvailability.mockRejectedValueOnce(new TypeError('a mistake of ours'));
    await expect(quote()).rejects.toThrow('a mistake of ours');
  });

  it('checks at most ten products concurrently', async () => {
    const { checkAvailability, prices, quote } = createQuoteFixture();
    const items = Array.from({ length: 35 }, (_, index) => ({ productId: `p${index}`, quantity: 1 }));
    await prices.put(items.map(({ productId }) => ({ productId, unitPrice: euros(1n), version: 1n })));
    const answer = checkAvailability.getMockImplementation()!;
    let running = 0;
    let most = 0;
    checkAvailability.mockImplementation(async (...given) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return answer(...given);
    });
    expect((await quote({ items })).lines).toHaveLength(35);
    expect(most).toBe(10);
  });
});

describe('bad input', () => {
  it('is reported all at once, by name', async () => {
    const { violations } = await failureOf(
      createQuoteFixture().quote({ customerId: '', items: [{ productId: '', quantity: 0 }] }),
    );
    expect(violations.map(({ field }) => field)).toEqual(['customer_id', 'items[0].product_id', 'items[0].quantity']);
  });

  it('an empty basket is refused', async () => {
    expect(await faultsOf(createQuoteFixture().quote({ items: [] }))).toEqual(['items: must not be empty']);
  });

  it('an unknown product is refused by name', async () => {
    expect(await faultsOf(createQuoteFixture().quote({ items: [{ productId: 'no-such', quantity: 1 }] }))).toEqual([
      'items[0].product_id: is not a product of the shop',
    ]);
  });

  it('calls no dependency', async () => {
    const { checkAvailability, quote } = createQuoteFixture();
    await failureOf(quote({ customerId: '' }));
    expect(checkAvailability).not.toHaveBeenCalled();
  });

  it('an unknown product is unavailable while prices are not loaded', async () => {
    const { prices, quote } = createQuoteFixture();
    prices.loaded = false;
    expect(await failureOf(quote({ items: [{ productId: 'no-such', quantity: 1 }] }))).toMatchObject({
      reason: 'CATALOGUE_NOT_LOADED',
    });
  });
});
