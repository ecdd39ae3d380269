// Examples of violations: each changes clean facts so that exactly one invariant is violated. Here those of quiescence, money and
// stock; orders, events and sales have files of their own.
import { type Draft, eventOf } from './clean-facts.ts';
import type { Facts, Owner } from './facts.ts';
import { STEP_BY_SUBJECT } from './sales.ts';

/** Clean facts that an example may change. */
export type DraftFacts = Draft<Facts>;
/** The violated invariant, the id that the violation has to name, the violation in words, and the change that causes it. */
export type ViolationExample = readonly [
  invariant: string,
  id: string,
  description: string,
  violate: (facts: DraftFacts) => void,
];

export const euros = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });
export const of = <Thing extends { orderId: string }>(things: Thing[] | undefined, orderId: string): Thing =>
  things!.find((thing) => thing.orderId === orderId)!;
export const without = <Thing extends { orderId: string }>(things: Thing[], orderId: string): Thing[] =>
  things.filter((thing) => thing.orderId !== orderId);
export const productOf = ({ products }: DraftFacts, productId: string) =>
  products.find((product) => product.productId === productId)!;
export const streamOf = ({ streams }: DraftFacts, producer: Owner) =>
  streams.find((stream) => stream.producer === producer)!;
export const mailsOf = ({ mailbox }: DraftFacts) => mailbox!.mails;

/** Adds an event to its stream, marked as applied by every service and counted as a step by analytics. */
export function addEvent(facts: DraftFacts, producer: Owner, event: string, orderId: string): void {
  const id = `${event} of ${orderId}`;
  streamOf(facts, producer).events.push(eventOf(id, `shop.${producer}.v1.${event}`, { orderId }));
  markApplied(facts, id);
  const sale = facts.sales.find((each) => each.orderId === orderId);
  const step = STEP_BY_SUBJECT[`shop.${producer}.v1.${event}`];
  if (sale?.synthetic === false && step !== undefined) sale.steps.push(step);
}

/** Marks an event as applied by every service. */
export function markApplied({ messaging }: DraftFacts, eventId: string): void {
  for (const { inbox } of Object.values(messaging)) inbox.add(eventId);
}

/**
 * Removes events as if they had never been published.
 *
 * @throws {Error} one of them is not in the stream.
 */
export function removeEvents(facts: DraftFacts, producer: Owner, ...ids: readonly string[]): void {
  const stream = streamOf(facts, producer);
  const count = stream.events.length;
  stream.events = stream.events.filter(({ id }) => !ids.includes(id));
  if (stream.events.length !== count - ids.length)
    throw new Error(`${ids.join(', ')}: not all of these were published`);
  const messaging = facts.messaging[producer];
  messaging.sent = messaging.sent.filter(({ eventId }) => !ids.includes(eventId));
}

export const QUIESCENCE: ViolationExample[] = [
  [
    'quiescent',
    'order: orders pending',
    'an order is pending',
    ({ pendingWork }) => {
      pendingWork[0]!.count = 1;
    },
  ],
];

export const MONEY: ViolationExample[] = [
  [
    'money-captured',
    'EUR',
    'the provider captured a cent too much',
    ({ ledger }) => {
      of(ledger, 'confirmed').amount = euros(1_001n);
    },
  ],
  [
    'money-captured',
    'confirmed',
    'the provider captured another currency',
    ({ ledger }) => {
      of(ledger, 'confirmed').amount.currencyCode = 'CHF';
    },
  ],
  [
    'money-captured',
    'confirmed-in-dollars',
    'a confirmed order was refunded in part',
    ({ ledger }) => {
      of(ledger, 'confirmed-in-dollars').refunded = 1n;
    },
  ],
  [
    'charged-once',
    'confirmed',
    'one total was captured in two charges',
    ({ ledger }) => {
      const charge = of(ledger, 'confirmed');
      charge.amount = euros(500n);
      ledger!.push({ ...charge, chargeId: 'the other half' });
    },
  ],
  [
    'charged-once',
    'confirmed',
    'payment has the charge as refunded',
    (facts) => {
      of(facts.charges, 'confirmed').status = 'REFUNDED';
      addEvent(facts, 'payment', 'PaymentRefunded', 'confirmed');
    },
  ],
  [
    'charged-once',
    'confirmed',
    'payment has another amount',
    ({ charges }) => {
      of(charges, 'confirmed').amount = euros(999n);
    },
  ],
  [
    'charged-once',
    'confirmed',
    'payment has another transaction',
    ({ charges }) => {
      of(charges, 'confirmed').transactionId = 'another';
    },
  ],
  [
    'charged-once',
    'confirmed',
    'the provider has the charge under another id',
    ({ ledger }) => {
      of(ledger, 'confirmed').chargeId = 'another';
    },
  ],
];

export const STOCK: ViolationExample[] = [
  [
    'stock-sound',
    'gift',
    'the stock is negative',
    ({ products }) => {
      products.push({
        productId: 'gift',
        onHand: -1,
        reserved: 0,
        sold: 0,
        version: 0,
        adjusted: 0,
        opening: undefined,
      });
    },
  ],
  [
    'stock-sound',
    'gift',
    'more is reserved than is on hand',
    (facts) => {
      facts.products.push({ productId: 'gift', onHand: 1, reserved: 2, sold: 0, version: 0, adjusted: 1, opening: 0 });
      const lines = [{ productId: 'gift', quantity: 2 }];
      facts.reservations.push({ ...facts.reservations[0]!, orderId: 'synthetic', state: 'RESERVED', lines });
      addEvent(facts, 'inventory', 'StockReserved', 'synthetic');
    },
  ],
  [
    'stock-reserved',
    'lamp',
    'a product has reserved stock without a reservation',
    (facts) => {
      productOf(facts, 'lamp').reserved = 1;
    },
  ],
  [
    'stock-sold',
    'mug',
    'a product was sold without an order',
    (facts) => {
      productOf(facts, 'mug').sold += 1;
      productOf(facts, 'mug').onHand -= 1;
    },
  ],
  [
    'stock-sold',
    'mug',
    'an order has a product that does not exist',
    (facts) => {
      facts.products = facts.products.filter(({ productId }) => productId !== 'mug');
    },
  ],
  [
    'stock-confirmed',
    'refunded',
    'the reservation of a refunded order was released',
    (facts) => {
      of(facts.reservations, 'refunded').state = 'RELEASED';
      addEvent(facts, 'inventory', 'StockReleased', 'refunded');
    },
  ],
  [
    'stock-conserved',
    'gift',
    'a product that began without stock has some without an adjustment',
    ({ products }) => {
      products.push({ productId: 'gift', onHand: 1, reserved: 0, sold: 0, version: 0, adjusted: 0, opening: 0 });
    },
  ],
  [
    'stock-conserved',
    'lamp',
    'stock was added without an adjustment',
    (facts) => {
      productOf(facts, 'lamp').onHand += 1;
    },
  ],
  [
    'stock-confirmed',
    'confirmed',
    'the order names another reservation',
    ({ reservations }) => {
      of(reservations, 'confirmed').reservationId = 'another';
    },
  ],
  [
    'stock-confirmed',
    'confirmed',
    'other products were sold than ordered',
    ({ reservations }) => {
      of(reservations, 'confirmed').lines = [{ productId: 'mug', quantity: 2 }];
    },
  ],
  [
    'stock-confirmed',
    'confirmed',
    'the reservation was released',
    (facts) => {
      of(facts.reservations, 'confirmed').state = 'RELEASED';
      addEvent(facts, 'inventory', 'StockReleased', 'confirmed');
    },
  ],
];
