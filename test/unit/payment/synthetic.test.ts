// Payments of synthetic orders: decided by their payment method, never by the real provider.
import { describe, expect, it } from 'vitest';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import type { Charge, StoredCharge } from '#services/payment/charge.ts';
import { processPayment } from '#services/payment/process-payment.ts';
import { refundPayment } from '#services/payment/refund-payment.ts';
import { refundLateCapture, type SettlementDependencies, settleCharge } from '#services/payment/settlement.ts';
import { createSettlements } from '#services/payment/settlements.ts';
import { syntheticProvider } from '#services/payment/synthetic-provider.ts';
import { syntheticHeaders } from '#services/platform/base/synthetic.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';
import {
  createMemoryStore,
  createProvider,
  createSettlement,
  requestOf,
  runFor,
  silentLog,
  storedCharge,
} from './fakes.ts';

const SYNTHETIC = { synthetic: true };

function createSyntheticPayments(...charges: readonly StoredCharge[]) {
  const store = createMemoryStore(...charges);
  const provider = createProvider();
  const settlement: SettlementDependencies = {
    ...createSettlement(store, provider).dependencies,
    providerFor: ({ synthetic }) => (synthetic ? syntheticProvider : provider),
  };
  const settlements = createSettlements<Charge>({ timeoutMs: 5_000, log: silentLog });
  const { signal } = new AbortController();
  const pay = (paymentMethod: string) =>
    processPayment(
      { store, settlement, settlements, syntheticCredential: TEST_CREDENTIAL },
      requestOf({ synthetic: true, paymentMethod }),
      { signal, headers: new Headers(syntheticHeaders(TEST_CREDENTIAL)) },
    );
  return { store, provider, settlement, settlements, pay, signal };
}

describe('a synthetic payment', () => {
  it.each([
    { paymentMethod: 'pm_approved', status: ChargeStatus.COMPLETED, declineCode: '' },
    { paymentMethod: 'pm_insufficient_funds', status: ChargeStatus.DECLINED, declineCode: 'insufficient_funds' },
    { paymentMethod: 'pm_expired_card', status: ChargeStatus.DECLINED, declineCode: 'expired_card' },
  ])('by $paymentMethod is decided without the provider', async ({ paymentMethod, status, declineCode }) => {
    const { provider, pay } = createSyntheticPayments();
    const { charge } = await pay(paymentMethod);
    expect(charge).toMatchObject({ status, declineCode, synthetic: true });
    expect(provider.charge).not.toHaveBeenCalled();
  });

  it('has its own transaction, the same for a duplicate', async () => {
    const { pay } = createSyntheticPayments();
    const [first, second] = [await pay('pm_approved'), await pay('pm_approved')];
    expect(first.charge.transactionId).toMatch(/^synthetic-charge-/);
    expect(second.charge.transactionId).toBe(first.charge.transactionId);
  });

  it.each([
    ['pm_provider_error', 'PAYMENT_PROVIDER_ERROR'],
    ['pm_slow', 'PAYMENT_PROVIDER_UNAVAILABLE'],
  ])('by %s stays open, as if the provider had reported no outcome', async (method, reason) => {
    const { store, pay } = createSyntheticPayments();
    await expect(pay(method)).rejects.toMatchObject({ reason });
    expect([...store.rows.values()].map(({ charge }) => charge.status)).toEqual(['CHARGING']);
  });
});

describe('a synthetic charge', () => {
  it('is refunded without the provider', async () => {
    const paid = storedCharge(
      { status: 'COMPLETED', transactionId: 'synthetic-1', ...SYNTHETIC },
      { refundRequested: true },
    );
    const { store, provider, settlement } = createSyntheticPayments(paid);
    await settleCharge(settlement, 'o1', runFor());
    expect(store.rows.get('o1')?.charge.status).toBe('REFUNDED');
    expect(provider.refund).not.toHaveBeenCalled();
  });

  it('that is open is voided at once, as no call can be in flight', async () => {
    const open = storedCharge(SYNTHETIC, { callWindowMs: 10_000 });
    const { store, settlement, settlements, signal } = createSyntheticPayments(open);
    const request = {
      $typeName: 'shop.payment.v1.RefundPaymentRequest',
      orderId: 'o1',
      idempotencyKey: 'refund:o1',
    } as const;
    const { charge } = await refundPayment({ store, settlement, settlements }, request, { signal });
    expect(charge.status).toBe(ChargeStatus.REFUNDED);
  });

  it('whose key may be forgotten is looked up and charged without the provider', async () => {
    const old = storedCharge(SYNTHETIC, { intentAgeMs: 1_000 });
    const { store, provider, settlement } = createSyntheticPayments(old);
    await settleCharge(settlement, 'o1', runFor());
    expect(store.rows.get('o1')?.charge.status).toBe('COMPLETED');
    expect(provider.findCharge).not.toHaveBeenCalled();
    expect(provider.charge).not.toHaveBeenCalled();
  });

  it('that is voided has no late capture', async () => {
    const voided = storedCharge({ status: 'VOIDED', ...SYNTHETIC }, { awaitingLateCapture: true });
    const { provider, settlement, store } = createSyntheticPayments(voided);
    await refundLateCapture(settlement, voided, runFor());
    expect(provider.findCharge).not.toHaveBeenCalled();
    expect(store.rows.get('o1')?.charge.transactionId).toBe('');
  });
});
