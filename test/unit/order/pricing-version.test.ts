import { expect, it } from 'vitest';
import { openCreateOrderFixture } from '../../support/services/create-order-fixture.ts';
import { euros } from '../../support/services/order-builders.ts';

const TWO_OF_PROD456 = { items: [{ productId: 'prod456', quantity: 2 }] };

it('seed 8.2: an order of a chosen customer is priced by v2, under 100, recorded and charged so', async () => {
  const desk = openCreateOrderFixture();
  desk.pricingVersionFor.mockImplementation(async (customerId) => (customerId === 'cust123' ? 'v2' : 'v1'));
  const { order } = await desk.place({ ...TWO_OF_PROD456, customerId: 'cust123' });
  expect(order).toMatchObject({ pricingVersion: 'v2', total: euros(3_900n) });
  expect(desk.saga.payment.processPayment.mock.calls[0]?.[0]).toMatchObject({ amount: euros(3_900n) });
  expect(desk.saga.store.current().pricingVersion).toBe('v2');
});

it('an order of any other customer is priced by v1 at the same time', async () => {
  const desk = openCreateOrderFixture();
  desk.pricingVersionFor.mockImplementation(async (customerId) => (customerId === 'cust123' ? 'v2' : 'v1'));
  const { order } = await desk.place({ ...TWO_OF_PROD456, customerId: 'cust124' });
  expect(order).toMatchObject({ pricingVersion: 'v1', total: euros(4_000n) });
});

it('a repeat of a key keeps the price of its first time, and asks for no version', async () => {
  const desk = openCreateOrderFixture();
  desk.pricingVersionFor.mockResolvedValueOnce('v2');
  const first = await desk.place(TWO_OF_PROD456);
  const repeat = await desk.place(TWO_OF_PROD456);
  expect(repeat.order).toEqual(first.order);
  expect(repeat.order?.pricingVersion).toBe('v2');
  expect(desk.pricingVersionFor).toHaveBeenCalledOnce();
});

it('bad input asks for no version', async () => {
  const desk = openCreateOrderFixture();
  await expect(desk.place({ customerId: '' })).rejects.toThrow();
  expect(desk.pricingVersionFor).not.toHaveBeenCalled();
});
