// The facts of a small quiescent platform in which every invariant holds, for tests that violate one.

import { DOMAIN } from '#services/domain.ts';
import { messageIdOf } from '#services/notification/notification.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import type {
  ChargeFact,
  EventBody,
  EventFact,
  Facts,
  Line,
  NotificationFact,
  OrderFact,
  Owner,
  ProductFact,
  ProviderChargeFact,
  ReservationFact,
  SaleFact,
} from './facts.ts';
import { STEP_BY_SUBJECT } from './sales.ts';

const TIME = new Date('2026-03-01T12:00:00.000Z');

type Sample = Pick<OrderFact, 'orderId' | 'items' | 'status'> &
  Partial<OrderFact> & {
    readonly stock: ReservationFact['state'] | undefined;
    readonly short?: boolean;
    readonly money: ChargeFact['status'] | undefined;
    /** The events of its reservation and its charge. */
    readonly events: readonly string[];
  };

const SAMPLES: readonly Sample[] = [
  {
    orderId: 'confirmed',
    items: [line('lamp', 2)],
    status: 'CONFIRMED',
    stock: 'CONFIRMED',
    money: 'COMPLETED',
    events: ['inventory.v1.StockReserved', 'payment.v1.PaymentCompleted'],
  },
  {
    orderId: 'confirmed-in-dollars',
    items: [line('lamp', 1), line('mug', 3)],
    total: { currencyCode: 'USD', minorUnits: 700n },
    status: 'CONFIRMED',
    stock: 'CONFIRMED',
    money: 'COMPLETED',
    events: ['inventory.v1.StockReserved', 'payment.v1.PaymentCompleted'],
  },
  {
    orderId: 'declined',
    items: [line('mug', 1)],
    status: 'FAILED',
    version: 3,
    stock: 'RELEASED',
    money: 'DECLINED',
    events: ['inventory.v1.StockReserved', 'inventory.v1.StockReleased', 'payment.v1.PaymentFailed'],
  },
  {
    orderId: 'short',
    items: [line('lamp', 999)],
    status: 'FAILED',
    stock: 'REJECTED',
    short: true,
    money: undefined,
    events: ['inventory.v1.InsufficientStock'],
  },
  {
    orderId: 'cancelled',
    items: [line('mug', 2)],
    status: 'CANCELLED',
    version: 3,
    stock: 'RELEASED',
    money: 'REFUNDED',
    events: [
      'inventory.v1.StockReserved',
      'inventory.v1.StockReleased',
      'payment.v1.PaymentCompleted',
      'payment.v1.PaymentRefunded',
    ],
  },
  {
    orderId: 'refunded',
    items: [line('mug', 1)],
    status: 'REFUNDED',
    version: 4,
    stock: 'CONFIRMED',
    money: 'REFUNDED',
    events: ['inventory.v1.StockReserved', 'payment.v1.PaymentCompleted', 'payment.v1.PaymentRefunded'],
  },
  {
    orderId: 'synthetic',
    items: [line('test', 1)],
    status: 'CONFIRMED',
    synthetic: true,
    stock: undefined,
    money: undefined,
    events: [],
  },
];

/** Returns the facts: one order confirmed in euros, one in dollars, a synthetic one, and one of each other end state. */
export function cleanFacts(): Facts {
  const orders = SAMPLES.map(toOrder);
  const notifications = orders.filter(isSold).map(toNotification);
  const events: Readonly<Record<Owner, readonly EventFact[]>> = {
    order: orders.flatMap(toOrderEvents),
    inventory: [...sampleEvents('inventory'), ...['lamp', 'mug', 'test'].map(toProductEvent)],
    payment: sampleEvents('payment'),
    notification: notifications.filter(({ status }) => status === 'SENT').map(toSentEvent),
    analytics: [],
  };
  const idsOf = (...subjects: readonly string[]): Set<string> =>
    new Set(
      Object.values(events)
        .flat()
        .filter(({ subject }) => subjects.some((name) => subject.endsWith(name)))
        .map(({ id }) => id),
    );
  const messaging = (service: Owner, inbox: ReadonlySet<string>) => ({
    sent: events[service].map(({ id, subject }) => ({ eventId: id, subject, sentTime: TIME })),
    inbox,
    deadLetters: [],
  });
  return {
    orders,
    keys: orders.map(({ orderId }) => ({ idempotencyKey: `key of ${orderId}`, orderId })),
    keysSince: new Date('2026-02-01T12:00:00.000Z'),
    products: [toProduct('lamp', 3), toProduct('mug', 4), toProduct('test', 0)],
    reservations: SAMPLES.flatMap(toReservations),
    charges: SAMPLES.flatMap(toCharges),
    notifications,
    sales: SAMPLES.map(toSale),
    wrongSums: [],
    ledger: SAMPLES.flatMap(toLedger),
    mailbox: {
      // One mail is there twice: delivery is at least once, with the same Message-ID.
      mails: [...notifications, ...notifications.slice(1)].filter(({ status }) => status === 'SENT').map(toMail),
      unrelated: 0,
      since: undefined,
    },
    streams: (['order', 'inventory', 'payment', 'notification'] as const).map((producer) => ({
      producer,
      name: streamOf(DOMAIN, producer),
      events: events[producer],
      since: undefined,
    })),
    messaging: {
      order: messaging(
        'order',
        idsOf('StockReserved', 'InsufficientStock', 'ProductChanged', 'PaymentCompleted', 'PaymentFailed'),
      ),
      inventory: messaging('inventory', idsOf('OrderCreated')),
      payment: messaging('payment', new Set()),
      notification: messaging('notification', idsOf('OrderConfirmed')),
      analytics: messaging('analytics', idsOf('')),
    },
    pendingWork: [{ what: 'order: orders pending', count: 0, ids: [] }],
    acknowledged: orders.map(({ orderId, ...order }) => ({
      idempotencyKey: `key of ${orderId}`,
      orderId,
      // A refunded order was acknowledged before its refund.
      status: isSold(order) ? 'CONFIRMED' : order.status,
      outcome: isSold(order) ? 'CONFIRMED' : 'FAILED',
    })),
  };
}

/** A mutable copy of a type. */
export type Draft<Value> = Value extends Date | bigint | string | number | boolean | undefined
  ? Value
  : Value extends ReadonlySet<infer Member>
    ? Set<Member>
    : { -readonly [Key in keyof Value]: Draft<Value[Key]> };

/** Returns clean facts that may be changed: no object in them is shared. */
export function draftCleanFacts(): Draft<Facts> {
  return copy(cleanFacts()) as Draft<Facts>;
}

/** Builds an event whose body has these fields. */
export function eventOf(id: string, subject: string, body: Partial<EventBody>): EventFact {
  const nothing = { orderId: undefined, notificationId: undefined, productId: undefined, customerId: undefined };
  return { id, subject, sequence: 1, body: { ...nothing, total: undefined, version: 1, ...body } };
}

function copy(value: unknown): unknown {
  if (value instanceof Date || typeof value !== 'object' || value === null) return value;
  if (value instanceof Set) return new Set(value);
  if (Array.isArray(value)) return value.map(copy);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, copy(member)]));
}

function line(productId: string, quantity: number): Line {
  return { productId, quantity };
}

function toOrder({ stock, money, events: _events, short: _short, ...sample }: Sample): OrderFact {
  return {
    customerId: `customer of ${sample.orderId}`,
    total: { currencyCode: 'EUR', minorUnits: 1_000n },
    reservationId: stock === undefined ? '' : `reservation of ${sample.orderId}`,
    transactionId: money === undefined || money === 'DECLINED' ? '' : `charge of ${sample.orderId}`,
    synthetic: false,
    version: 2,
    createTime: TIME,
    ...sample,
  };
}

function toProduct(productId: string, sold: number): ProductFact {
  return { productId, onHand: 100 + 5 - sold, reserved: 0, sold, version: 1, adjusted: 5, opening: 100 };
}

function toReservations({ orderId, items, stock, short = false }: Sample): ReservationFact[] {
  if (stock === undefined) return [];
  const reservationId = `reservation of ${orderId}`;
  return [{ orderId, reservationId, state: stock, lines: items, short, createTime: TIME }];
}

function toCharges(sample: Sample): ChargeFact[] {
  if (sample.money === undefined) return [];
  const { orderId, total, transactionId } = toOrder(sample);
  return [{ orderId, status: sample.money, transactionId, amount: total, createTime: TIME }];
}

function toLedger(sample: Sample): ProviderChargeFact[] {
  if (sample.money === undefined) return [];
  const { orderId, total } = toOrder(sample);
  const status = sample.money === 'DECLINED' ? 'declined' : 'captured';
  const refunded = sample.money === 'REFUNDED' ? total.minorUnits : 0n;
  return [{ chargeId: `charge of ${orderId}`, orderId, status, amount: total, refunded }];
}

function toNotification({ orderId, customerId, total, synthetic }: OrderFact): NotificationFact {
  return {
    notificationId: `notification of ${orderId}`,
    orderId,
    customerId,
    status: synthetic ? 'SUPPRESSED' : 'SENT',
    total,
    createTime: TIME,
    sendTime: synthetic ? undefined : TIME,
  };
}

function toSale(sample: Sample): SaleFact {
  const { orderId, status, items, total, synthetic } = toOrder(sample);
  const isCounted = isSold({ status }) && !synthetic;
  const steps = [
    'CREATED',
    ...(status === 'REFUNDED' ? ['CONFIRMED', 'ORDER_REFUNDED'] : [status]),
    ...sample.events.map((name) => STEP_BY_SUBJECT[`shop.${name}`] ?? name),
    ...(isCounted ? ['NOTIFIED'] : []),
  ];
  return {
    orderId,
    steps: synthetic ? [] : steps,
    synthetic,
    total: isCounted ? total : undefined,
    refund: status === 'REFUNDED' ? total : undefined,
    items: isCounted ? items : [],
  };
}

function isSold({ status }: Pick<OrderFact, 'status'>): boolean {
  return status === 'CONFIRMED' || status === 'REFUNDED';
}

function toMail({ notificationId, orderId }: NotificationFact) {
  return { messageId: messageIdOf(notificationId), orderId };
}

function toOrderEvents({ orderId, customerId, total, status }: OrderFact): EventFact[] {
  const ends = { CONFIRMED: 'Confirmed', FAILED: 'Failed', CANCELLED: 'Cancelled', REFUNDED: 'Confirmed', PENDING: '' };
  const body = { orderId, customerId, total };
  return [
    eventOf(`created ${orderId}`, 'shop.order.v1.OrderCreated', { ...body, version: 1 }),
    eventOf(`ended ${orderId}`, `shop.order.v1.Order${ends[status]}`, { ...body, version: 2 }),
    ...(status === 'REFUNDED'
      ? [eventOf(`refunded ${orderId}`, 'shop.order.v1.OrderRefunded', { ...body, version: 3 })]
      : []),
  ];
}

function sampleEvents(producer: Owner): EventFact[] {
  return SAMPLES.flatMap(({ orderId, events }) =>
    events
      .filter((subject) => subject.startsWith(producer))
      .map((subject) => eventOf(`${subject} of ${orderId}`, `shop.${subject}`, { orderId })),
  );
}

function toProductEvent(productId: string): EventFact {
  return eventOf(`changed ${productId}`, 'shop.inventory.v1.ProductChanged', { productId });
}

function toSentEvent({ notificationId, orderId }: NotificationFact): EventFact {
  return eventOf(`sent ${notificationId}`, 'shop.notification.v1.NotificationSent', { notificationId, orderId });
}
