// The invariants of orders after any history, once no work is left; each violation is described in words.
import type { Order } from '#services/order/order.ts';
import { createOrderStore } from '#services/order/order-store.ts';
import type { Database } from '#services/platform/storage/database.ts';
import type { Account } from './history-run.ts';

const STOCK = 10;

type EventRow = { readonly subject: string; readonly payload: Buffer };

/** Checks the database and the record of the history; returns the violations. */
export async function findBrokenPromises(database: Database, account: Account): Promise<string[]> {
  const store = createOrderStore(database, 0);
  const orders = await store.list({ customerId: '', status: undefined }, { size: 100, after: undefined });
  const keys = await database.query<{ idempotency_key: string; order_id: string }>('select * from order_key');
  const events = await database.query<EventRow>('select subject, payload from outbox');
  const open = await database.query('select from orders where resume_time is not null');
  return [
    ...account.faults,
    ...(open.length > 0 ? [`${open.length} orders are still open`] : []),
    ...findChangedVerdicts(account),
    ...orders.flatMap((order) => findUnlikeEnds(order, account)),
    ...findMiscounts(orders, account),
    ...findBrokenAnswers(orders, account),
    ...findKeyFaults(
      keys.map((row) => ({ key: row.idempotency_key, orderId: row.order_id })),
      orders,
    ),
    ...orders.flatMap((order) => findEventFaults(order, events)),
  ];
}

function findChangedVerdicts({ stored }: Account): string[] {
  const verdicts = new Map<string, Order['verdict']>();
  const ends = new Map<string, Order['status']>();
  const versions = new Map<string, number>();
  return stored.flatMap(({ orderId, verdict, status, version }) => {
    const before = verdicts.get(orderId);
    const end = ends.get(orderId);
    const lastVersion = versions.get(orderId) ?? 0;
    if (verdict !== undefined) verdicts.set(orderId, verdict);
    if (status !== 'PENDING') ends.set(orderId, status);
    const isRefund = end === 'CONFIRMED' && status === 'REFUNDED';
    versions.set(orderId, version);
    return [
      ...(before !== undefined && before !== verdict
        ? [`${orderId}: its verdict went from ${before} to ${verdict}`]
        : []),
      ...(end !== undefined && end !== status && !isRefund
        ? [`${orderId}: its status went from ${end} to ${status}`]
        : []),
      ...(version !== lastVersion + 1 ? [`${orderId}: version ${version} followed ${lastVersion}`] : []),
    ];
  });
}

/** Checks that stock and charge match the final status: no order is both confirmed and compensated, but a refunded one lost its money alone. */
function findUnlikeEnds({ orderId, status, total }: Order, { world }: Account): string[] {
  const stock = world.reservations.get(orderId)?.state;
  const charge = world.charges.get(orderId);
  const kept = charge === undefined ? 0n : charge.captured - charge.refunded;
  const seen = `stock ${stock ?? 'never called'}, charge ${charge?.state ?? 'never called'}, ${kept} kept`;
  const isReturned = charge?.state !== 'COMPLETED' && kept === 0n;
  const isRight: Record<Order['status'], boolean> = {
    PENDING: false,
    CONFIRMED: stock === 'CONFIRMED' && charge?.state === 'COMPLETED' && kept === total.minorUnits,
    REFUNDED: stock === 'CONFIRMED' && charge?.captured === total.minorUnits && isReturned,
    FAILED: stock !== 'CONFIRMED' && stock !== 'RESERVED' && isReturned,
    CANCELLED: stock !== 'CONFIRMED' && stock !== 'RESERVED' && isReturned,
  };
  return isRight[status] ? [] : [`${orderId} is ${status}: ${seen}`];
}

function findMiscounts(orders: readonly Order[], { world }: Account): string[] {
  const confirmed = orders.filter(({ status }) => hasBeenConfirmed(status));
  const confirmedQuantity = confirmed.flatMap(({ items }) => items).reduce((sum, { quantity }) => sum + quantity, 0);
  const reserved = [...world.reservations.values()]
    .filter(({ state }) => state === 'RESERVED')
    .reduce((sum, { quantity }) => sum + quantity, 0);
  const known = new Set(orders.map(({ orderId }) => orderId));
  return [
    ...(world.confirmed === confirmedQuantity
      ? []
      : [`${world.confirmed} are confirmed in stock, ${confirmedQuantity} by confirmed orders`]),
    ...(world.stock + reserved + world.confirmed === STOCK
      ? []
      : [`${world.stock} of ${STOCK} are left, ${world.confirmed} confirmed`]),
    ...[...world.charges.keys(), ...world.reservations.keys()]
      .filter((orderId) => !known.has(orderId))
      .map((orderId) => `${orderId} is known to dependencies only`),
  ];
}

function findBrokenAnswers(
  orders: readonly Order[],
  { heard, refunded, refusedCancels, refusedContents }: Account,
): string[] {
  const statusOf = new Map(orders.map(({ orderId, status }) => [orderId, status]));
  const answered = new Map<string, string>();
  const contents = new Map<string, string>();
  return [
    ...heard.flatMap(({ key, content, orderId, status, outcome }) => {
      const first = answered.get(key) ?? orderId;
      answered.set(key, first);
      if (content !== '') contents.set(key, content);
      const end = statusOf.get(orderId);
      const isRefund = status === 'CONFIRMED' && end === 'REFUNDED';
      const isConsistent =
        (status === 'PENDING' || status === end || isRefund) && (outcome !== 'CONFIRMED' || hasBeenConfirmed(end));
      const failed = outcome !== 'FAILED' && outcome !== 'CANCELLED' ? true : end === 'FAILED' || end === 'CANCELLED';
      return [
        ...(first === orderId ? [] : [`${key} was answered with ${first} and with ${orderId}`]),
        ...(isConsistent && failed
          ? []
          : [`${orderId} was answered as ${status}, ${outcome}, but is ${end ?? 'unknown'}`]),
      ];
    }),
    ...refunded
      .filter((orderId) => statusOf.get(orderId) !== 'REFUNDED')
      .map((orderId) => `${orderId} is ${statusOf.get(orderId)}, after it was answered as refunded`),
    ...refusedCancels
      .filter((orderId) => statusOf.get(orderId) === 'CANCELLED')
      .map((orderId) => `${orderId} is cancelled, after its cancellation was refused`),
    ...heard
      .filter(({ key, content }) => content !== '' && contents.get(key) !== content)
      .map(({ key, content }) => `${key} was answered for other content: ${content}`),
    ...refusedContents
      .filter(({ key, content }) => contents.get(key) === content)
      .map(({ key, content }) => `${key} was refused for its own content: ${content}`),
  ];
}

function findKeyFaults(keys: readonly { key: string; orderId: string }[], orders: readonly Order[]): string[] {
  const known = new Set(orders.map(({ orderId }) => orderId));
  const keyed = new Set(keys.map(({ orderId }) => orderId));
  return [
    ...keys.filter(({ orderId }) => !known.has(orderId)).map(({ key }) => `${key} has no order`),
    ...orders.filter(({ orderId }) => !keyed.has(orderId)).map(({ orderId }) => `${orderId} has no key`),
    ...(keyed.size === keys.length ? [] : ['an order has two keys']),
  ];
}

function findEventFaults({ orderId, status }: Order, events: readonly EventRow[]): string[] {
  // There are fewer than ten orders, so no id is the beginning of another.
  const own = events.filter(({ payload }) => payload.includes(orderId));
  const names = own.map(({ subject }) => subject.replace('shop.order.v1.Order', '')).toSorted();
  const end = `${status.charAt(0)}${status.slice(1).toLowerCase()}`;
  const wanted = ['Created', end, ...(status === 'REFUNDED' ? ['Confirmed'] : [])].toSorted();
  return names.join() === wanted.join()
    ? []
    : [`${orderId} is ${status}, published as ${names.join(', ') || 'nothing'}`];
}

function hasBeenConfirmed(status: Order['status'] | undefined): boolean {
  return status === 'CONFIRMED' || status === 'REFUNDED';
}
