import { describe, expect, it } from 'vitest';
import { type QuoteOrderRequest, QuoteOrderRequestSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import { type BasketItem, priceBasket, validateItems } from '#services/order/basket.ts';
import { createValidation, type Validation } from '#services/platform/base/validation.ts';
import { createFakePriceStore, euros, failureOf, faultsOf } from '../../support/services/order-builders.ts';
import { serve } from '../../support/services/serve.ts';

/** The faults of a basket, as `field: description`. */
async function faultsIn(items: BasketItem[]): Promise<string[]> {
  const check = (request: QuoteOrderRequest, validation: Validation): void => validateItems(request.items, validation);
  const quote = (request: QuoteOrderRequest): void => {
    const validation = createValidation();
    check(request, validation);
    validation.add('end', 'of the list');
    validation.throwIfInvalid();
  };
  const faults = await faultsOf(serve(QuoteOrderRequestSchema, { customerId: 'cust123', items }, quote, check));
  return faults.filter((fault) => fault !== 'end: of the list');
}

describe('the checks of a basket', () => {
  it('find nothing wrong with one product from 1 to 10,000', async () => {
    expect(await faultsIn([{ productId: 'a', quantity: 1 }])).toEqual([]);
    expect(await faultsIn([{ productId: 'a', quantity: 10_000 }])).toEqual([]);
  });

  it('hold every quantity to 1 to 10,000', async () => {
    const items = [0, 10_001].map((quantity, index) => ({ productId: `p${index}`, quantity }));
    expect(await faultsIn(items)).toEqual([
      'items[0].quantity: must be at least 1, is 0',
      'items[1].quantity: must be at most 10000, is 10001',
    ]);
  });

  it('name each duplicate of a product and the item it duplicates', async () => {
    const items = ['a', 'b', 'a', 'b', 'a'].map((productId) => ({ productId, quantity: 1 }));
    expect(await faultsIn(items)).toEqual([
      'items[2].product_id: is the same product as items[0]',
      'items[3].product_id: is the same product as items[1]',
      'items[4].product_id: is the same product as items[0]',
    ]);
  });

  it('treat ids that differ by case as different products', async () => {
    expect(await faultsIn(['a', 'A'].map((productId) => ({ productId, quantity: 1 })))).toEqual([]);
  });

  it('report no item beyond the hundredth, however large the basket', async () => {
    const items = Array.from({ length: 5_000 }, () => ({ productId: '', quantity: 0 }));
    const faults = await faultsIn(items);
    expect(faults[0]).toBe('items: must have at most 100 entries, has 5000');
    expect(faults.filter((fault) => fault.startsWith('items[100]'))).toEqual([]);
  });
});

describe('the prices of a basket', () => {
  it('are those of the shop, each with its quantity', async () => {
    const { items } = await priceBasket(createFakePriceStore(), [{ productId: 'prod456', quantity: 3 }], 'v1');
    expect(items).toEqual([{ productId: 'prod456', quantity: 3, unitPrice: euros(2_000n) }]);
  });

  it('add up to the total', async () => {
    const basket = [
      { productId: '12345', quantity: 2 },
      { productId: 'prod789', quantity: 1 },
    ];
    const { total, amounts } = await priceBasket(createFakePriceStore(), basket, 'v1');
    expect(amounts).toEqual([euros(11_998n), euros(1_250n)]);
    expect(total).toEqual(euros(13_248n));
  });

  describe('against the most that can be charged at once', () => {
    const most = 2n ** 53n - 1n;
    const mostMoney = 'must cost at most 9007199254740991 minor units';
    const priced = async (...minorUnits: bigint[]) => {
      const prices = createFakePriceStore();
      const basket = minorUnits.map((_, index) => ({ productId: `p${index}`, quantity: 1 }));
      await prices.put(
        minorUnits.map((price, index) => ({ productId: `p${index}`, unitPrice: euros(price), version: 1n })),
      );
      return priceBasket(prices, basket, 'v1');
    };

    it('may reach exactly that', async () => {
      expect((await priced(most - 1n, 1n)).total.minorUnits).toBe(most);
    });

    it('are refused one unit above it, naming the basket', async () => {
      expect(await faultsOf(priced(most, 1n))).toEqual([`items: ${mostMoney} together, cost 9007199254740992`]);
    });

    it('are refused naming each item that alone is above it', async () => {
      expect(await faultsOf(priced(most + 1n, 1n, most + 2n))).toEqual([
        `items[0].quantity: ${mostMoney}, costs 9007199254740992`,
        `items[2].quantity: ${mostMoney}, costs 9007199254740993`,
      ]);
    });

    it('count after the discount: a quantity too large in v1 may be accepted in v2', async () => {
      const prices = createFakePriceStore();
      await prices.put([{ productId: 'yacht', unitPrice: euros(1_000_000_000_000n), version: 1n }]);
      const basket = [{ productId: 'yacht', quantity: 10_000 }];
      expect(await faultsOf(priceBasket(prices, basket, 'v1'))).toEqual([
        `items[0].quantity: ${mostMoney}, costs 10000000000000000`,
      ]);
      expect((await priceBasket(prices, basket, 'v2')).total).toEqual(euros(8_010_400_000_000_000n));
    });
  });

  it('that add up to zero are refused: there is nothing to charge', async () => {
    const prices = createFakePriceStore();
    await prices.put([{ productId: 'gift', unitPrice: euros(0n), version: 1n }]);
    const basket = (...productIds: string[]) => productIds.map((productId) => ({ productId, quantity: 1 }));
    expect(await faultsOf(priceBasket(prices, basket('gift'), 'v1'))).toEqual([
      'items: cost nothing together: there is nothing to charge for',
    ]);
    expect((await priceBasket(prices, basket('gift', '12345'), 'v1')).total).toEqual(euros(5_999n));
  });

  it('are unavailable while it is unknown whether a product exists', async () => {
    const failure = await failureOf(
      priceBasket(createFakePriceStore(false), [{ productId: 'new', quantity: 1 }], 'v1'),
    );
    expect(failure).toMatchObject({ kind: 'unavailable', reason: 'CATALOGUE_NOT_LOADED' });
  });

  it('are looked up in one query', async () => {
    const prices = createFakePriceStore();
    const asked: (readonly string[])[] = [];
    const find = prices.find;
    prices.find = (productIds) => {
      asked.push(productIds);
      return find(productIds);
    };
    await priceBasket(
      prices,
      ['12345', 'prod456'].map((productId) => ({ productId, quantity: 1 })),
      'v1',
    );
    expect(asked).toEqual([['12345', 'prod456']]);
  });
});
