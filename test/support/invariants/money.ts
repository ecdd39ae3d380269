// The invariants of money: the captured amounts, net of refunds, equal the totals of confirmed orders. Pure.
import { equalMoney } from '#services/platform/base/money.ts';
import type { OrderFact } from './facts.ts';
import {
  describeMoney,
  type FactView,
  type Finding,
  type Invariant,
  netCaptured,
  sumMoneyByCurrency,
  type Violation,
} from './finding.ts';

const NO_LEDGER = 'the payment provider does not show its ledger';

export const MONEY_INVARIANTS: readonly Invariant[] = [
  {
    name: 'money-captured',
    promise: 'captured at the provider, net of refunds = totals of confirmed orders: in sum and for each order',
    find: findMoneyCaptured,
  },
  {
    name: 'charged-once',
    promise:
      'every confirmed order has exactly one captured charge, the same at the provider, at payment and on the order',
    find: findChargedOnce,
  },
];

function findMoneyCaptured(view: FactView): Finding {
  if (view.ledger === undefined) return { counts: {}, violations: [], unknown: NO_LEDGER };
  const ofRealOrders = view.ledger.filter(({ orderId }) => view.orderOf.get(orderId)?.synthetic !== true);
  const captured = sumMoneyByCurrency(ofRealOrders.map(netCaptured));
  const due = sumMoneyByCurrency(view.confirmed.map(({ total }) => total));
  const violations: Violation[] = [];
  for (const currency of new Set([...captured.keys(), ...due.keys()])) {
    const [have, want] = [captured.get(currency) ?? 0n, due.get(currency) ?? 0n];
    if (have === want) continue;
    const detail = `${money(currency, have)} captured, confirmed orders cost ${money(currency, want)}`;
    violations.push({ id: currency, detail });
  }
  for (const orderId of new Set([...ofRealOrders, ...view.realOrders].map((one) => one.orderId))) {
    const have = describeMoney(sumMoneyByCurrency((view.ledgerOf.get(orderId) ?? []).map(netCaptured)));
    const want = describeMoney(sumMoneyByCurrency(dueFor(view.orderOf.get(orderId))));
    if (have !== want) violations.push({ id: orderId, detail: `${have} captured, ${want} due` });
  }
  const counts = {
    'confirmed orders': view.confirmed.length,
    cost: describeMoney(due),
    'charges in the ledger': ofRealOrders.length,
    captured: describeMoney(captured),
  };
  return { counts, violations };
}

function findChargedOnce(view: FactView): Finding {
  const rows = new Map(view.charges.map((charge) => [charge.orderId, charge]));
  const violations: Violation[] = [];
  let completed = 0;
  for (const { orderId, transactionId, total } of view.confirmed) {
    const report = (detail: string): number => violations.push({ id: orderId, detail });
    const row = rows.get(orderId);
    if (row?.status === 'COMPLETED') completed += 1;
    if (row?.status !== 'COMPLETED') report(`payment has its charge as ${row?.status ?? 'unknown'}`);
    else if (row.amount === undefined || !equalMoney(row.amount, total)) report('payment has another amount');
    else if (row.transactionId !== transactionId) {
      report(`payment has transaction ${row.transactionId}, the order ${transactionId || 'none'}`);
    }
    if (view.ledger === undefined) continue;
    const kept = (view.ledgerOf.get(orderId) ?? []).filter((charge) => netCaptured(charge).minorUnits > 0n);
    if (kept.length !== 1) report(`the provider keeps ${kept.length} charges`);
    else if (kept[0]?.chargeId !== transactionId) {
      report(`the provider has charge ${kept[0]?.chargeId}, the order ${transactionId || 'none'}`);
    }
  }
  const counts = { 'confirmed orders': view.confirmed.length, 'completed charges': completed };
  return { counts: view.ledger === undefined ? { ...counts, note: NO_LEDGER } : counts, violations };
}

function dueFor(order: OrderFact | undefined) {
  return order?.status === 'CONFIRMED' ? [order.total] : [];
}

function money(currency: string, minorUnits: bigint): string {
  return describeMoney(new Map([[currency, minorUnits]]));
}
