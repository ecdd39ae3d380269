// How the order service calls payment and handles the answers: its real client and saga against a mock provider.
import { Code } from '@connectrpc/connect';
import { detail, like, regex } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { decideFail, type Order } from '#services/order/order.ts';
import { anyUuid, shopContract } from '../../support/contracts/contracts.ts';
import { euros, secondsLater } from '../../support/services/order-builders.ts';
import {
  acceptedOrder,
  acceptedTestOrder,
  awaited,
  detailOf,
  NEEDS_CREDENTIAL,
  NO_CREDENTIAL,
  ORDER_ID,
  refusal,
  runWithPayment,
  WITH_CREDENTIAL,
} from './consumer-fixture.ts';

const payment = shopContract('OrderService', 'PaymentService');
const { processPayment, refundPayment } = PaymentService.method;

const state = { orderId: ORDER_ID };
const charge = {
  orderId: anyUuid(ORDER_ID),
  idempotencyKey: regex(/^order:[0-9a-f-]{36}$/, `order:${ORDER_ID}`),
  customerId: 'cust123',
  amount: euros(5_999n),
  paymentMethod: 'pm_approved',
};
const refund = {
  orderId: anyUuid(ORDER_ID),
  idempotencyKey: regex(/^refund:[0-9a-f-]{36}$/, `refund:${ORDER_ID}`),
};
const transactionId = like('ch_0001');

const outOfOrder = [
  ...refusal('PAYMENT_PROVIDER_UNAVAILABLE'),
  detail(RetryInfoSchema, { retryDelay: like({ seconds: 1n, nanos: 0 }) }),
];

describe('a charge', () => {
  it('that completes confirms the order, with the returned transaction id', async () => {
    const { order, saga } = await awaited(
      'payment',
      payment
        .given('the order has not been charged', state)
        .uponReceiving('a charge of a card that is good')
        .calls(processPayment, charge),
    )
      .repliesWith({ charge: { status: ChargeStatus.COMPLETED, transactionId } })
      .run(({ url }) => runWithPayment(url, acceptedOrder()));

    expect(order).toMatchObject({ status: 'CONFIRMED', transactionId: 'ch_0001' });
    expect(saga.inventory.confirmReservation).toHaveBeenCalledOnce();
  });

  it('that was completed before is returned, so that a saga that runs again never charges twice', async () => {
    const { order } = await awaited(
      'payment',
      payment
        .given('the order has been charged', state)
        .uponReceiving('a charge once more')
        .calls(processPayment, charge),
    )
      .repliesWith({ charge: { status: ChargeStatus.COMPLETED, transactionId } })
      .run(({ url }) => runWithPayment(url, acceptedOrder()));

    expect(order).toMatchObject({ status: 'CONFIRMED', transactionId: 'ch_0001' });
  });

  it('that is declined fails the order for "Insufficient funds": the stock is released, nothing is refunded', async () => {
    const { order, saga } = await awaited(
      'payment',
      payment
        .given('the order has not been charged', state)
        .uponReceiving('a charge of a card with insufficient funds')
        .calls(processPayment, { ...charge, paymentMethod: 'pm_insufficient_funds' }),
    )
      .repliesWith({ charge: { status: ChargeStatus.DECLINED, declineMessage: 'Insufficient funds' } })
      .run(({ url }) => runWithPayment(url, acceptedOrder({ paymentMethod: 'pm_insufficient_funds' })));

    expect(order).toMatchObject({
      status: 'FAILED',
      reason: 'PAYMENT_FAILED',
      transactionId: '',
      owed: { release: false, refund: false },
    });
    expect(detailOf(order, 'PROCESS_PAYMENT')).toBe('Insufficient funds');
    expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
  });

  it('of an order that was refunded first fails the order', async () => {
    const { order } = await awaited(
      'payment',
      payment
        .given('the order was refunded before it was charged', state)
        .uponReceiving('a charge that comes too late')
        .calls(processPayment, charge),
    )
      .repliesWith({ charge: { status: ChargeStatus.REFUNDED } })
      .run(({ url }) => runWithPayment(url, acceptedOrder()));

    expect(order).toMatchObject({ status: 'FAILED', reason: 'PAYMENT_FAILED' });
    expect(detailOf(order, 'PROCESS_PAYMENT')).toBe('the charge was refunded');
  });

  it('of unknown outcome leaves the order pending, undecided', async () => {
    const { order, failure, saga } = await awaited(
      'payment',
      payment
        .given('the order has not been charged', state)
        .given('the payment provider is out of order')
        .uponReceiving('a charge while the provider is away')
        .calls(processPayment, charge),
    )
      .failsWith(Code.Unavailable, 'the payment provider has not told the outcome', outOfOrder)
      .run(({ url }) => runWithPayment(url, acceptedOrder()));

    expect(failure).toMatchObject({ outcome: 'PENDING', reason: 'PAYMENT_UNAVAILABLE' });
    expect(order).toMatchObject({ status: 'PENDING', reason: 'PAYMENT_UNAVAILABLE', verdict: undefined });
    expect(saga.inventory.releaseReservation).not.toHaveBeenCalled();
  });

  it('with other content than before fails the order, and the charge is refunded', async () => {
    const charges = awaited(
      'payment',
      payment
        .given('the order has been charged otherwise', state)
        .uponReceiving('a charge with other content than before')
        .calls(processPayment, charge),
    ).failsWith(Code.FailedPrecondition, 'used with other content before', refusal('IDEMPOTENCY_KEY_REUSED'));
    const refunds = awaited(
      'payment',
      payment
        .given('the order has been charged otherwise', state)
        .uponReceiving('the refund of another charge than was asked for')
        .calls(refundPayment, refund),
    ).repliesWith({ charge: { status: ChargeStatus.REFUNDED } });

    const { order } = await payment.run([charges, refunds], ({ url }) => runWithPayment(url, acceptedOrder()));

    expect(order).toMatchObject({
      status: 'FAILED',
      reason: 'PAYMENT_FAILED',
      owed: { release: false, refund: false },
    });
  });
});

describe('a refund', () => {
  const failed = (): Order =>
    decideFail(acceptedOrder(), 'TIME_LIMIT_EXCEEDED', { release: false, refund: true }, secondsLater(3));

  it('refunds the charge, and nothing is owed any more', async () => {
    const { order } = await awaited(
      'payment',
      payment
        .given('the order has been charged', state)
        .uponReceiving('the refund of a charge')
        .calls(refundPayment, refund),
    )
      .repliesWith({ charge: { status: ChargeStatus.REFUNDED } })
      .run(({ url }) => runWithPayment(url, failed()));

    expect(order).toMatchObject({ status: 'FAILED', owed: { release: false, refund: false } });
  });

  it('of an order that was never charged succeeds, and leaves a tombstone', async () => {
    const { order } = await awaited(
      'payment',
      payment
        .given('the order has not been charged', state)
        .uponReceiving('the refund of an unknown order')
        .calls(refundPayment, refund),
    )
      .repliesWith({ charge: { status: ChargeStatus.REFUNDED } })
      .run(({ url }) => runWithPayment(url, failed()));

    expect(order.owed).toEqual({ release: false, refund: false });
  });

  it('of a declined charge succeeds: there is nothing to refund', async () => {
    const { order } = await awaited(
      'payment',
      payment
        .given('the charge of the order was declined', state)
        .uponReceiving('the refund of a charge that was declined')
        .calls(refundPayment, refund),
    )
      .repliesWith({ charge: { status: ChargeStatus.DECLINED } })
      .run(({ url }) => runWithPayment(url, failed()));

    expect(order.owed).toEqual({ release: false, refund: false });
  });

  it('that fails for now stays owed', async () => {
    const { order, failure } = await awaited(
      'payment',
      payment
        .given('the order has been charged', state)
        .given('the payment provider is out of order')
        .uponReceiving('the refund of a charge while the provider is away')
        .calls(refundPayment, refund),
    )
      .failsWith(Code.Unavailable, 'the payment provider has not told the outcome', outOfOrder)
      .run(({ url }) => runWithPayment(url, failed()));

    expect(failure).toMatchObject({ reason: 'PAYMENT_UNAVAILABLE' });
    expect(order.owed).toEqual({ release: false, refund: true });
  });
});

describe('a synthetic order', () => {
  const asked = { ...charge, customerId: 'monitor', amount: euros(100n), synthetic: true };

  it('is charged with its flag and the credential, and confirmed with the returned transaction id', async () => {
    const { order } = await awaited(
      'payment',
      payment
        .given('the order has not been charged', state)
        .uponReceiving('a charge for a test order')
        .calls(processPayment, asked),
    )
      .withMetadata(WITH_CREDENTIAL)
      .repliesWith({ charge: { status: ChargeStatus.COMPLETED, transactionId } })
      .run(({ url }) => runWithPayment(url, acceptedTestOrder()));

    expect(order).toMatchObject({ status: 'CONFIRMED', transactionId: 'ch_0001', synthetic: true });
  });

  it('without the credential is refused: it fails, and is released and refunded to be safe', async () => {
    const charges = awaited(
      'payment',
      payment
        .given('the order has not been charged', state)
        .uponReceiving('a charge for a test order without the credential')
        .calls(processPayment, asked),
    ).failsWith(...NEEDS_CREDENTIAL);
    const refunds = awaited(
      'payment',
      payment
        .given('the order has not been charged', state)
        .uponReceiving('the refund of a test order that was refused')
        .calls(refundPayment, refund),
    ).repliesWith({ charge: { status: ChargeStatus.REFUNDED } });

    const { order, saga } = await payment.run([charges, refunds], ({ url }) =>
      runWithPayment(url, acceptedTestOrder(), NO_CREDENTIAL),
    );

    expect(order).toMatchObject({
      status: 'FAILED',
      reason: 'PAYMENT_FAILED',
      owed: { release: false, refund: false },
    });
    expect(saga.inventory.releaseReservation).toHaveBeenCalledOnce();
  });
});
