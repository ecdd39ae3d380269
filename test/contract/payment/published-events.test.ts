// The events in payment's real stream, verified against its consumers' contracts.
import { randomUUID } from 'node:crypto';
import { type CapturedEvent, type ExpectedEvent, type Verification, verifyEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  PaymentCompletedSchema,
  PaymentFailedSchema,
  PaymentRefundedSchema,
} from '#gen/shop/payment/v1/payment_events_pb.ts';
import { captureEvents, contractFile } from '../../support/contracts/contracts.ts';
import { keepVerification } from '../../support/contracts/verification-results.ts';
import { type PaymentFixture, paymentOf, refundOf, startPaymentFixture } from '../../support/services/payment.ts';

const resources = new AsyncDisposableStack();
let fixture: PaymentFixture;

// One service for the file: every event has its own order.
beforeAll(async () => {
  fixture = resources.use(await startPaymentFixture());
});
afterAll(() => resources.disposeAsync());

/** The use cases that publish the events of the contracts, by their description there. */
const useCases: Record<string, () => Promise<string>> = {
  'the news that an order is paid': () => charge('pm_approved'),
  'the news that a payment was declined': () => charge('pm_insufficient_funds'),
  'PaymentRefunded for an order': async () => {
    const orderId = await charge('pm_approved');
    await fixture.client.refundPayment(refundOf(orderId));
    return orderId;
  },
};

async function charge(paymentMethod: string): Promise<string> {
  const orderId = randomUUID();
  await fixture.client.processPayment(paymentOf(orderId, { paymentMethod }));
  return orderId;
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
    contracts: contractFile(consumer, 'PaymentService'),
    provider: 'PaymentService',
    types: [PaymentCompletedSchema, PaymentFailedSchema, PaymentRefundedSchema],
    publish: publishEvents,
  });
}

describe("payment's stream", () => {
  it.each([
    ['OrderService', 2],
    ['AnalyticsService', 3],
  ])('has every event that %s relies on: subject, headers and body', async (consumer, events) => {
    const verification = await verify(consumer, publish);
    await keepVerification(contractFile(consumer, 'PaymentService'), 'events', verification);

    verification.assertHonoured();
    expect(verification.interactions).toHaveLength(events);
  });

  it('that has lost an order id is reported by name', async () => {
    const verification = await verify('OrderService', async (expected) =>
      (await publish(expected)).map((event) => ({ ...event, payload: new Uint8Array() })),
    );

    expect(verification.isHonoured).toBe(false);
    expect(verification.toString()).toContain(
      'PaymentService does not honour "the news that an order is paid" of OrderService',
    );
    expect(verification.toString()).toMatch(/body\.orderId\n +expected a value like "[0-9a-f-]{36}"\n +actual {3}""/);
  });
});
