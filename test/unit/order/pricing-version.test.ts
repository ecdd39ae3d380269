import { expect, it } from 'vitest';
import { createOrderFixture } from '../../support/services/create-order-fixture.ts';
import { euros } from '../../support/services/order-builders.ts';

const TWO_OF_PROD456 = { items: [{ productId: 'prod456', quantity: 2 }] };

it('seed 8.2: an order of a chosen customer is priced by v2, under 100, recorded and charged so', async () => {
  const fixture = createOrderFixture();
  fixture.pricingVersionFor.mockImplementation(async (customerId) => (customerId === 'cust123' ? 'v2' : 'v1'));
  const { order } = await fixture.place({ ...TWO_OF_PROD456, customerId: 'cust123' });
  expect(order).toMatchObject({ pricingVersion: 'v2', total: euros(3_900n) });
  expect(fixture.saga.payment.processPayment.mock.calls[0]?.[0]).toMatchObject({ amount: euros(3_900n) });
  expect(fixture.saga.store.current().pricingVersion).toBe('v2');
});

it('an order of any other customer is priced by v1 at the same time', async () => {
  const fixture = createOrderFixture();
  fixture.pricingVersionFor.mockImplementation(async (customerId) => (customerId === 'cust123' ? 'v2' : 'v1'));
  const { order } = await fixture.place({ ...TWO_OF_PROD456, customerId: 'cust124' });
  expect(order).toMatchObject({ pricingVersion: 'v1', total: euros(4_000n) });
});

it('a repeat of a key keeps the price of its first time, and asks for no version', async () => {
  const fixture = createOrderFixture();
  fixture.pricingVersionFor.mockResolvedValueOnce('v2');
  const first = await fixture.place(TWO_OF_PROD456);
  const repeat = await fixture.place(TWO_OF_PROD456);
  expect(repeat.order).toEqual(first.order);
  expect(repeat.order?.pricingVersion).toBe('v2');
  expect(fixture.pricingVersionFor).toHaveBeenCalledOnce();
});

it('bad input asks for no version', async () => {
  const fixture = createOrderFixture();
  await expect(fixture.place({ customerId: '' })).rejects.toThrow();
  expect(fixture.pricingVersionFor).not.toHaveBeenCalled();
});
