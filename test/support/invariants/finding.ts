// What one invariant finds in the facts, and the facts arranged so that each invariant finds what it needs.
import { formatMoney, type Money } from '#services/platform/base/money.ts';
import type { Facts, MailFact, OrderFact, ProviderChargeFact, StreamFact } from './facts.ts';

/** One thing that is not as it must be. `id` is the order's, the product's, the event's: whatever it is about. */
export type Violation = { readonly id: string; readonly detail: string };

export type Finding = {
  /** What was compared with what, and how many there were of each. */
  readonly counts: Readonly<Record<string, number | string>>;
  readonly violations: readonly Violation[];
  /** Why nothing can be said. */
  readonly unknown?: string;
};

export type Invariant = {
  readonly name: string;
  /** What is promised, in one sentence. */
  readonly promise: string;
  readonly find: (view: FactView) => Finding;
};

export type FactView = Facts & {
  readonly orderOf: ReadonlyMap<string, OrderFact>;
  /** The orders that are no test orders. */
  readonly real: readonly OrderFact[];
  /** Those of them that are confirmed. */
  readonly confirmed: readonly OrderFact[];
  readonly ledgerOf: ReadonlyMap<string, readonly ProviderChargeFact[]>;
  readonly mailsOf: ReadonlyMap<string, readonly MailFact[]>;
  readonly streamOf: ReadonlyMap<string, StreamFact>;
};

/** Arranges the facts. */
export function viewFacts(facts: Facts): FactView {
  const real = facts.orders.filter((order) => !order.synthetic);
  return {
    ...facts,
    real,
    confirmed: real.filter((order) => order.status === 'CONFIRMED'),
    orderOf: new Map(facts.orders.map((order) => [order.orderId, order])),
    ledgerOf: groupBy(facts.ledger ?? [], (charge) => charge.orderId),
    mailsOf: groupBy(facts.mailbox?.mails ?? [], (mail) => mail.orderId),
    streamOf: new Map(facts.streams.map((stream) => [stream.producer, stream])),
  };
}

/** Puts things with the same key together. */
export function groupBy<Thing>(things: Iterable<Thing>, keyOf: (thing: Thing) => string): Map<string, Thing[]> {
  const groups = new Map<string, Thing[]>();
  for (const thing of things) {
    const key = keyOf(thing);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [thing]);
    else group.push(thing);
  }
  return groups;
}

/** Adds up numbers by key. */
export function sumBy(entries: Iterable<readonly [key: string, value: number]>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [key, value] of entries) sums.set(key, (sums.get(key) ?? 0) + value);
  return sums;
}

/** Adds up amounts by currency; currencies of which nothing is left over are not listed. */
export function sumMoneyByCurrency(amounts: Iterable<Money>): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { currencyCode, minorUnits } of amounts) {
    sums.set(currencyCode, (sums.get(currencyCode) ?? 0n) + minorUnits);
  }
  for (const [currencyCode, minorUnits] of sums) if (minorUnits === 0n) sums.delete(currencyCode);
  return sums;
}

/** `59.99 EUR + 1.00 USD`, or `nothing`. */
export function describeMoney(sums: ReadonlyMap<string, bigint>): string {
  const amounts = [...sums].toSorted(([one], [other]) => one.localeCompare(other));
  return (
    amounts.map(([currencyCode, minorUnits]) => formatMoney({ currencyCode, minorUnits })).join(' + ') || 'nothing'
  );
}

/** What of a charge the provider still keeps. */
export function netCaptured({ status, amount, refunded }: ProviderChargeFact): Money {
  return { currencyCode: amount.currencyCode, minorUnits: status === 'captured' ? amount.minorUnits - refunded : 0n };
}
