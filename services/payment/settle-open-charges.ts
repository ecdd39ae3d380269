// The background of the payment service: goes on with charges and refunds whose callers do not come back, and looks for late
// captures of charges given up. Replicas share the work by putting off what they take.
import { runInSpan, runWithCorrelation, SpanKind } from '../platform/observability/tracing.ts';
import type { Charge, StoredCharge } from './charge.ts';
import type { ChargeStore } from './charge-store.ts';
import { giveLateCaptureBack, type Run, type SettlementDependencies, settleCharge } from './settlement.ts';
import type { Settlements } from './settlements.ts';

const BATCH_SIZE = 20;

export type SettleOpenChargesDependencies = {
  readonly store: Pick<ChargeStore, 'claimDue'>;
  readonly settlement: SettlementDependencies;
  readonly settlements: Settlements<Charge>;
};

/** Settles one batch. Returns whether more is due; what cannot be settled now comes back later. */
export async function settleOpenCharges(
  { store, settlement, settlements }: SettleOpenChargesDependencies,
  signal: AbortSignal,
): Promise<boolean> {
  const due = await store.claimDue(BATCH_SIZE);
  if (due.length === 0) return false;
  const work = (stored: StoredCharge) => async (run: Run) => {
    if (!stored.watched) return await settleCharge(settlement, stored.charge.orderId, run);
    await giveLateCaptureBack(settlement, stored, run);
    return stored.charge;
  };
  const settling = due.map((stored) => {
    const { orderId } = stored.charge;
    const span = { name: 'settle charge', kind: SpanKind.INTERNAL, headers: { traceparent: stored.traceparent } };
    return runInSpan(span, () => runWithCorrelation(orderId, () => settlements.run(orderId, work(stored))));
  });
  // Each tells of its own failure; a stop does not wait for the provider here.
  await Promise.race([Promise.allSettled(settling), untilAborted(signal)]);
  return due.length === BATCH_SIZE;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
