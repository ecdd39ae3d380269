// Payment for the contracts of its consumers: with a provider that can fail and forget its keys on request, and with
// the provider states of the contracts, set up by its own RPCs.
import type { JsonObject } from '@bufbuild/protobuf';
import type { StateHandlers, Teardown } from '@touchstone/kit';
import { expect, vi } from 'vitest';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { systemClock } from '#local/shared/clock.ts';
import { PATIENCE } from '../../support/patience.ts';
import {
  type PaymentFixture,
  paymentOf,
  startPaymentFixture,
  startProviderProxy,
} from '../../support/services/payment.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

export type VerifiedPayment = AsyncDisposable & {
  readonly fixture: PaymentFixture;
  readonly states: StateHandlers;
};

/** Starts payment and its provider. */
export async function startVerifiedPayment(): Promise<VerifiedPayment> {
  await using resources = new AsyncDisposableStack();
  // Set once the provider listens; nothing calls it before.
  const target = { url: '' };
  const proxy = resources.use(await startProviderProxy(target));
  let days = 0;
  const fixture = resources.use(
    await startPaymentFixture({
      environment: { PAYMENT_PROVIDER_URL: proxy.url, BREAKER_RESET_MS: '20' },
      provider: { clock: { ...systemClock, now: () => Date.now() + days * DAY_MS } },
    }),
  );
  target.url = fixture.provider.url;

  const undo = async () => {
    await fixture.query('delete from charge');
    days += 1;
  };
  const state = (reach: (orderId: string) => Promise<unknown>) => async (params: JsonObject) => {
    await reach(String(params.orderId));
    return { teardown: undo } satisfies Teardown;
  };
  const charge = async (orderId: string, changes: Parameters<typeof paymentOf>[1] = {}) => {
    const payment = paymentOf(orderId, { idempotencyKey: `order:${orderId}`, ...changes });
    const { charge: made } = await vi.waitFor(() => fixture.client.processPayment(payment), PATIENCE);
    return made?.status;
  };
  const states: StateHandlers = {
    'the order has not been charged': state(async () => undefined),
    'the order has been charged': state(async (orderId) => expect(await charge(orderId)).toBe(ChargeStatus.COMPLETED)),
    'the order has been charged otherwise': state(async (orderId) =>
      expect(await charge(orderId, { customerId: 'cust456' })).toBe(ChargeStatus.COMPLETED),
    ),
    'the charge of the order was declined': state(async (orderId) =>
      expect(await charge(orderId, { paymentMethod: 'pm_expired_card' })).toBe(ChargeStatus.DECLINED),
    ),
    'the order was refunded before it was charged': state((orderId) =>
      fixture.client.refundPayment({ orderId, idempotencyKey: `refund:${orderId}` }),
    ),
    'the payment provider is out of order': () => {
      proxy.fate = 'fail';
      return {
        teardown: async () => {
          proxy.fate = 'pass';
          // Succeeds once the breaker admits calls again.
          await charge('the-next-order');
        },
      };
    },
  };
  const owned = resources.move();
  return { fixture, states, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
