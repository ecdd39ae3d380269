// The background of the payment service: continues charges and refunds whose callers did not retry, and looks for late captures of
// voided charges. Replicas share the work: claiming a charge moves its due time forward.
import { runInSpan, runWithCorrelation, SpanKind } from '../platform/observability/tracing.ts';
import type { Charge, StoredCharge } from './charge.ts';
import type { ChargeStore } from './charge-store.ts';
import { type Run, refundLateCapture, type SettlementDependencies, settleCharge } from './settlement.ts';
import type { Settlements } from './settlements.ts';

const BATCH_SIZE = 20;

export type SettleOpenChargesDependencies = {
  readonly store: Pick<ChargeStore, 'claimDue'>;
  readonly settlement: SettlementDependencies;
  readonly settlements: Settlements<Charge>;
};

/** Settles one batch and returns whether more is due. A charge that cannot be settled now is due again later. */
export async function settleOpenCharges(
  { store, settlement, settlements }: SettleOpenChargesDependencies,
  signal: AbortSignal,
): Promise<boolean> {
  const due = await store.claimDue(BATCH_SIZE);
  if (due.length === 0) return false;
  const work = (stored: StoredCharge) => async (run: Run) => {
    if (!stored.awaitingLateCapture) return await settleCharge(settlement, stored.charge.orderId, run);
    await refundLateCapture(settlement, stored, run);
    return stored.charge;
  };
  const settling = due.map((stored) => {
    const { orderId } = stored.charge;
    const span = { name: 'settle charge', kind: SpanKind.INTERNAL, headers: { traceparent: stored.traceparent } };
    return runInSpan(span, () => runWithCorrelation(orderId, () => settlements.run(orderId, work(stored))));
  });
  // Each settlement logs its own failure; a stop does not wait for the provider here.
  await Promise.race([Promise.allSettled(settling), untilAborted(signal)]);
  return due.length === BATCH_SIZE;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
