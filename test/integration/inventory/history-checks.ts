// The invariants of stock and reservations after every round of a history, with a description of each violation.
import type { Database } from '#services/platform/storage/database.ts';

/** A step and its answer: a state, or the reason of a refusal. */
export type Answer = {
  readonly step:
    | { readonly kind: 'reserve' | 'confirm' | 'release'; readonly orderId: string }
    | { readonly kind: 'hear'; readonly orderId: string; readonly eventId: number }
    | { readonly kind: 'adjust'; readonly key: number; readonly productId: string; readonly delta: number };
  readonly reported: string;
};

type ProductRow = { product_id: string; on_hand: number; reserved: number; sold: string };
type ReservationRow = {
  order_id: string;
  state: 'RESERVED' | 'REJECTED' | 'RELEASED' | 'CONFIRMED';
  lines: { product_id: string; quantity: number }[];
  short: boolean;
};
type EventRow = { subject: string; payload: Buffer };

/** Checks the database; `opening` is the initial stock of each product. */
export async function findStockFaults(
  database: Database,
  answers: readonly Answer[],
  opening: Readonly<Record<string, number>>,
): Promise<string[]> {
  const products = await database.query<ProductRow>('select product_id, on_hand, reserved, sold from product');
  const reservations = await database.query<ReservationRow>(
    `select order_id, state, lines, shortages <> '[]' as short from reservation`,
  );
  const events = await database.query<EventRow>(
    `select subject, payload from outbox where subject <> 'shop.inventory.v1.ProductChanged'`,
  );
  return [
    ...products.flatMap((product) => findMiscounts(product, reservations, answers, opening)),
    ...reservations.flatMap((reservation) => findUntold(reservation, events)),
    ...findBrokenAnswers(reservations, answers),
  ];
}

function findMiscounts(
  { product_id, on_hand, reserved, sold }: ProductRow,
  reservations: readonly ReservationRow[],
  answers: readonly Answer[],
  opening: Readonly<Record<string, number>>,
): string[] {
  const held = (state: ReservationRow['state']): number =>
    reservations
      .filter((reservation) => reservation.state === state)
      .flatMap(({ lines }) => lines)
      .filter((line) => line.product_id === product_id)
      .reduce((sum, { quantity }) => sum + quantity, 0);
  // One adjustment for each key, duplicates included.
  const adjusted = new Map(
    answers.flatMap(({ step, reported }) =>
      step.kind === 'adjust' && reported === 'adjusted' ? [[step.key, step] as const] : [],
    ),
  );
  const added = [...adjusted.values()]
    .filter((step) => step.productId === product_id)
    .reduce((sum, { delta }) => sum + delta, 0);
  const total = (opening[product_id] ?? 0) + added;
  return [
    ...(on_hand >= reserved && reserved >= 0 ? [] : [`${product_id}: ${on_hand} on hand, ${reserved} reserved`]),
    ...(reserved === held('RESERVED') ? [] : [`${product_id}: ${reserved} reserved, held are ${held('RESERVED')}`]),
    ...(Number(sold) === held('CONFIRMED') ? [] : [`${product_id}: ${sold} sold, confirmed are ${held('CONFIRMED')}`]),
    ...(on_hand + Number(sold) === total ? [] : [`${product_id}: ${on_hand} on hand, ${sold} sold, of ${total}`]),
  ];
}

function findUntold({ order_id, state, lines, short }: ReservationRow, events: readonly EventRow[]): string[] {
  const reported = events
    .filter(({ payload }) => payload.includes(order_id))
    .map(({ subject }) => subject.replace('shop.inventory.v1.', ''))
    .toSorted()
    .join();
  const wasReserved = !short && lines.length > 0;
  const released = wasReserved && state === 'RELEASED' ? ['StockReleased'] : [];
  const wanted = [...(wasReserved ? ['StockReserved'] : []), ...released, ...(short ? ['InsufficientStock'] : [])];
  return reported === wanted.toSorted().join() ? [] : [`${order_id} is ${state}, reported by ${reported || 'nothing'}`];
}

/** The states that may follow an answer. A rejection for lack of stock is final like any answer. */
const FOLLOWS: Readonly<Record<string, (reservation: ReservationRow) => boolean>> = {
  RESERVED: ({ state, lines, short }) => state !== 'REJECTED' && lines.length > 0 && !short,
  CONFIRMED: ({ state }) => state === 'CONFIRMED',
  sold: ({ state }) => state === 'CONFIRMED',
  RESERVATION_CONFIRMED: ({ state }) => state === 'CONFIRMED',
  released: ({ state }) => state === 'RELEASED',
  RESERVATION_RELEASED: ({ state }) => state === 'RELEASED',
  INSUFFICIENT_STOCK: ({ state, short }) => short && (state === 'REJECTED' || state === 'RELEASED'),
  applied: () => true,
  known: () => true,
};

function findBrokenAnswers(reservations: readonly ReservationRow[], answers: readonly Answer[]): string[] {
  const rows = new Map(reservations.map((reservation) => [reservation.order_id, reservation]));
  const applied = new Map<string, number>();
  return answers.flatMap(({ step, reported }) => {
    if (step.kind === 'adjust' || reported === 'RESERVATION_NOT_FOUND') return [];
    if (step.kind === 'hear' && reported === 'applied') {
      const id = `${step.orderId} ${step.eventId}`;
      applied.set(id, (applied.get(id) ?? 0) + 1);
      if (applied.get(id) !== 1) return [`the event ${id} was applied again`];
    }
    const row = rows.get(step.orderId);
    if (row === undefined) return [`${step.orderId} was reported ${reported}, but is not known`];
    const follows = FOLLOWS[reported];
    if (follows === undefined) return [`${step.orderId}: ${step.kind} was answered ${reported}`];
    return follows(row) ? [] : [`${step.orderId}: ${step.kind} was reported ${reported}, but is ${row.state}`];
  });
}
