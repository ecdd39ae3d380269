// One violation after the other, each planted in clean facts so that exactly one invariant is broken: of rest, money and stock.
// Those of orders and events are in files beside this one.
import { type Draft, eventOf } from './clean-facts.ts';
import type { Facts, Owner } from './facts.ts';
import { STEP_OF } from './sales.ts';

/** Clean facts that are about to be broken. */
export type DraftFacts = Draft<Facts>;
/** The invariant, the id it must name, what is wrong, and how that comes about. */
export type ViolationExample = readonly [invariant: string, id: string, how: string, plant: (facts: DraftFacts) => void];

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

/** Events that really happened: in the stream, and applied wherever they matter, but to no sum of money. */
export function tell(facts: DraftFacts, producer: Owner, event: string, orderId: string): void {
  const id = `${event} of ${orderId}`;
  streamOf(facts, producer).events.push(eventOf(id, `shop.${producer}.v1.${event}`, { orderId }));
  receive(facts, id);
  const sale = facts.sales.find((each) => each.orderId === orderId);
  const step = STEP_OF[`shop.${producer}.v1.${event}`];
  if (sale?.apart === false && step !== undefined) sale.steps.push(step);
}

/** Has an event applied wherever it matters. */
export function receive({ messaging }: DraftFacts, eventId: string): void {
  for (const { inbox } of Object.values(messaging)) inbox.add(eventId);
}

/** Takes events back as if they had never been stored. */
export function untell(facts: DraftFacts, producer: Owner, ...ids: readonly string[]): void {
  const stream = streamOf(facts, producer);
  const told = stream.events.length;
  stream.events = stream.events.filter(({ id }) => !ids.includes(id));
  if (stream.events.length !== told - ids.length) throw new Error(`${ids.join(', ')}: not all of these were told`);
  const messaging = facts.messaging[producer];
  messaging.sent = messaging.sent.filter(({ eventId }) => !ids.includes(eventId));
}

export const REST: ViolationExample[] = [
  [
    'at-rest',
    'order: orders pending',
    'an order is pending',
    ({ unrest }) => {
      unrest[0]!.count = 1;
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
    'part of a price was given back',
    ({ ledger }) => {
      of(ledger, 'confirmed-in-dollars').refunded = 1n;
    },
  ],
  [
    'charged-once',
    'confirmed',
    'one price was taken in two charges',
    ({ ledger }) => {
      const charge = of(ledger, 'confirmed');
      charge.amount = euros(500n);
      ledger!.push({ ...charge, chargeId: 'the other half' });
    },
  ],
  [
    'charged-once',
    'confirmed',
    'payment holds the charge as given back',
    (facts) => {
      of(facts.charges, 'confirmed').status = 'REFUNDED';
      tell(facts, 'payment', 'PaymentRefunded', 'confirmed');
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
    'there is less than nothing',
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
    'more is reserved than there is',
    (facts) => {
      facts.products.push({ productId: 'gift', onHand: 1, reserved: 2, sold: 0, version: 0, adjusted: 1, opening: 0 });
      const lines = [{ productId: 'gift', quantity: 2 }];
      facts.reservations.push({ ...facts.reservations[0]!, orderId: 'synthetic', state: 'RESERVED', lines });
      tell(facts, 'inventory', 'StockReserved', 'synthetic');
    },
  ],
  [
    'stock-reserved',
    'lamp',
    'a product keeps reserved what no reservation holds',
    (facts) => {
      productOf(facts, 'lamp').reserved = 1;
    },
  ],
  [
    'stock-sold',
    'mug',
    'a product was sold that no order took',
    (facts) => {
      productOf(facts, 'mug').sold += 1;
      productOf(facts, 'mug').onHand -= 1;
    },
  ],
  [
    'stock-sold',
    'mug',
    'an order took a product that is not there',
    (facts) => {
      facts.products = facts.products.filter(({ productId }) => productId !== 'mug');
    },
  ],
  [
    'stock-conserved',
    'lamp',
    'a lamp appeared from nowhere',
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
    'the reservation was given back',
    (facts) => {
      of(facts.reservations, 'confirmed').state = 'RELEASED';
      tell(facts, 'inventory', 'StockReleased', 'confirmed');
    },
  ],
];
