// The types of an invariant and its finding, and the facts indexed for lookup.
import { formatMoney, type Money } from '#services/platform/base/money.ts';
import type { Facts, MailFact, OrderFact, ProviderChargeFact, StreamFact } from './facts.ts';

/** A violation of an invariant. `id` is that of the order, product, event or other thing it is about. */
export type Violation = { readonly id: string; readonly detail: string };

export type Finding = {
  /** The compared quantities, by label. */
  readonly counts: Readonly<Record<string, number | string>>;
  readonly violations: readonly Violation[];
  /** Why the invariant cannot be judged. */
  readonly unknown?: string;
};

export type Invariant = {
  readonly name: string;
  /** The promise, in one sentence. */
  readonly promise: string;
  readonly find: (view: FactView) => Finding;
};

export type FactView = Facts & {
  readonly orderOf: ReadonlyMap<string, OrderFact>;
  /** The orders that are not synthetic. */
  readonly realOrders: readonly OrderFact[];
  /** The confirmed ones of `realOrders`. */
  readonly confirmed: readonly OrderFact[];
  /** The confirmed and the refunded ones of `realOrders`: the stock of both is sold, and both were announced as confirmed. */
  readonly sold: readonly OrderFact[];
  readonly ledgerOf: ReadonlyMap<string, readonly ProviderChargeFact[]>;
  readonly mailsOf: ReadonlyMap<string, readonly MailFact[]>;
  readonly streamOf: ReadonlyMap<string, StreamFact>;
};

/** Indexes the facts. */
export function viewFacts(facts: Facts): FactView {
  const realOrders = facts.orders.filter((order) => !order.synthetic);
  return {
    ...facts,
    realOrders,
    confirmed: realOrders.filter((order) => order.status === 'CONFIRMED'),
    sold: realOrders.filter(({ status }) => status === 'CONFIRMED' || status === 'REFUNDED'),
    orderOf: new Map(facts.orders.map((order) => [order.orderId, order])),
    ledgerOf: groupBy(facts.ledger ?? [], (charge) => charge.orderId),
    mailsOf: groupBy(facts.mailbox?.mails ?? [], (mail) => mail.orderId),
    streamOf: new Map(facts.streams.map((stream) => [stream.producer, stream])),
  };
}

/** Groups things by key. */
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

/** Sums numbers by key. */
export function sumBy(entries: Iterable<readonly [key: string, value: number]>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [key, value] of entries) sums.set(key, (sums.get(key) ?? 0) + value);
  return sums;
}

/** Sums amounts by currency; a currency whose sum is zero is left out. */
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

/** Returns the captured amount of a charge, net of refunds. */
export function netCaptured({ status, amount, refunded }: ProviderChargeFact): Money {
  return { currencyCode: amount.currencyCode, minorUnits: status === 'captured' ? amount.minorUnits - refunded : 0n };
}
