// The events that the order service publishes to its real stream honour the contracts of its consumers.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type CapturedEvent, type ExpectedEvent, type Verification, verifyEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  type OrderCreated,
  OrderCreatedSchema,
  OrderFailedSchema,
  OrderRefundedSchema,
} from '#gen/shop/order/v1/order_events_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { brokenInteractions, captureEvents, contractFile } from '../../support/contracts/contracts.ts';
import { keepVerification } from '../../support/contracts/verification-results.ts';
import { type OrderFixture, startOrderFixture } from '../../support/services/order.ts';

const WITHOUT_MONEY = 'cust-without-money';
const OF_BANK_IN_OUTAGE = 'cust-of-bank-in-outage';

const resources = new AsyncDisposableStack();
let fixture: OrderFixture;

// One service for the file: every event is about another order.
beforeAll(async () => {
  fixture = resources.use(await startOrderFixture());
  fixture.payment.virtual.stub(PaymentService.method.processPayment).replies(({ orderId, customerId }) => {
    if (customerId === OF_BANK_IN_OUTAGE) throw new ConnectError('the bank is down', Code.Unavailable);
    const status = customerId === WITHOUT_MONEY ? ChargeStatus.DECLINED : ChargeStatus.COMPLETED;
    return { charge: { orderId, transactionId: `ch-${orderId}`, status } };
  });
});
afterAll(() => resources.disposeAsync());

/** The use cases that publish the events of the contracts, by the contracts' descriptions. */
const useCases: Record<string, () => Promise<string>> = {
  'the news of an order': () => place('cust123', { prod456: 2, prod789: 1 }),
  'the news of an order for more than there is': () => place('cust123', { prod456: 200 }),
  'the news that an order is confirmed': () => place('cust123', { '12345': 1 }),
  'the news that an order of several products is confirmed': () => place('cust456', { prod456: 2, prod789: 1 }),
  'the news that an order has failed': () => place(WITHOUT_MONEY, { '12345': 1 }),
  'the news that an order was cancelled': async () => {
    const orderId = await place(OF_BANK_IN_OUTAGE, { '12345': 1 });
    await fixture.client.cancelOrder({ orderId });
    return orderId;
  },
  'the news that an order was refunded': async () => {
    const orderId = await place('cust123', { '12345': 1 });
    await fixture.client.refundOrder({ orderId });
    return orderId;
  },
};

async function place(customerId: string, basket: Record<string, number>): Promise<string> {
  const items = Object.entries(basket).map(([productId, quantity]) => ({ productId, quantity }));
  const { order } = await fixture.place({ customerId, items });
  return order?.orderId ?? '';
}

async function publish({ description, subject }: ExpectedEvent): Promise<CapturedEvent[]> {
  const id = await useCases[description]?.();
  if (id === undefined) throw new Error(`no use case publishes "${description}"`);
  return await captureEvents(fixture.nats, subject, id);
}

function verify(
  consumer: string,
  publishEvents: (expected: ExpectedEvent) => Promise<CapturedEvent[]>,
): Promise<Verification> {
  return verifyEvents({
    contracts: contractFile(consumer, 'OrderService'),
    provider: 'OrderService',
    types: [OrderCreatedSchema, OrderConfirmedSchema, OrderFailedSchema, OrderCancelledSchema, OrderRefundedSchema],
    publish: publishEvents,
  });
}

describe("the order service's stream", () => {
  it.each([
    ['InventoryService', 2],
    ['NotificationService', 2],
    ['AnalyticsService', 5],
  ])('has every event that %s relies on', async (consumer, events) => {
    const verification = await verify(consumer, publish);
    await keepVerification(contractFile(consumer, 'OrderService'), 'events', verification);

    verification.assertHonoured();
    expect(verification.interactions).toHaveLength(events);
  });

  it.each<{ drift: string; change: (event: OrderCreated) => object; difference: string }>([
    {
      drift: 'items that are no longer sent',
      change: (event) => ({ ...event, items: [] }),
      difference: 'body.items\n      expected 2 elements\n      actual   0 elements',
    },
    {
      drift: 'another unit in a quantity',
      change: ({ items, ...rest }) => ({ ...rest, items: items.map((item) => ({ ...item, quantity: 12 })) }),
      difference: 'body.items[0].quantity\n      expected 2\n      actual   12',
    },
  ])('that has drifted is reported by name: $drift', async ({ change, difference }) => {
    const verification = await verify('InventoryService', async (expected) =>
      (await publish(expected)).map((event) => {
        const changed = change(fromBinary(OrderCreatedSchema, event.payload));
        return { ...event, payload: toBinary(OrderCreatedSchema, create(OrderCreatedSchema, changed)) };
      }),
    );

    expect(brokenInteractions(verification)).toHaveLength(2);
    expect(verification.toString()).toContain(difference);
  });

  it('without the event is reported as empty', async () => {
    const verification = await verify('NotificationService', async () => []);

    expect(verification.toString()).toContain('expected "shop.order.v1.OrderConfirmed"');
    expect(verification.toString()).toContain('nothing was published');
  });
});
