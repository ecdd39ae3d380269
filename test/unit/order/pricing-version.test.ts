import { expect, it } from 'vitest';
import { createOrderFixture } from '../../support/services/create-order-fixture.ts';
import { euros } from '../../support/services/order-builders.ts';

const TWO_OF_PROD456 = { items: [{ productId: 'prod456', quantity: 2 }] };

it('prices an order of a chosen customer by v2, under 100, and charges that amount', { tags: 'seed-8.2' }, async () => {
  const fixture = createOrderFixture();
  fixture.pricingVersionFor.mockImplementation(async (customerId) => (customerId === 'cust123' ? 'v2' : 'v1'));
  const { order } = await fixture.place({ ...TWO_OF_PROD456, customerId: 'cust123' });
  expect(order).toMatchObject({ pricingVersion: 'v2', total: euros(3_900n) });
  expect(fixture.saga.payment.processPayment.mock.calls[0]?.[0]).toMatchObject({ amount: euros(3_900n) });
  expect(fixture.saga.store.current().pricingVersion).toBe('v2');
});

it('prices an order of any other customer by v1 at the same time', async () => {
  const fixture = createOrderFixture();
  fixture.pricingVersionFor.mockImplementation(async (customerId) => (customerId === 'cust123' ? 'v2' : 'v1'));
  const { order } = await fixture.place({ ...TWO_OF_PROD456, customerId: 'cust124' });
  expect(order).toMatchObject({ pricingVersion: 'v1', total: euros(4_000n) });
});

it('a duplicate keeps its first price and version', async () => {
  const fixture = createOrderFixture();
  fixture.pricingVersionFor.mockResolvedValueOnce('v2');
  const first = await fixture.place(TWO_OF_PROD456);
  const duplicate = await fixture.place(TWO_OF_PROD456);
  expect(duplicate.order).toEqual(first.order);
  expect(duplicate.order?.pricingVersion).toBe('v2');
});

it('looks up no version for bad input', async () => {
  const fixture = createOrderFixture();
  await expect(fixture.place({ customerId: '' })).rejects.toThrow();
  expect(fixture.pricingVersionFor).not.toHaveBeenCalled();
});
