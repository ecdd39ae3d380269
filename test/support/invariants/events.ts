// The invariants of events: none is lost, none is stored twice, each change is published once. Pure.
import { equalMoney } from '#services/platform/base/money.ts';
import { type EventFact, HANDLED_EVENTS, type OrderFact, OWNERS, type StreamFact, UNRECORDED_EVENTS } from './facts.ts';
import { type FactView, type Finding, groupBy, type Invariant, type Violation } from './finding.ts';

export const EVENT_INVARIANTS: readonly Invariant[] = [
  { name: 'events-distinct', promise: 'every event is in its stream once', find: findDuplicateEvents },
  {
    name: 'order-events',
    promise: 'every order has exactly one OrderCreated and one event of each end state it reached, with its version',
    find: findOrderEvents,
  },
  {
    name: 'changes-published',
    promise: 'every change of a reservation, charge, notification and product is published once',
    find: findUnpublishedChanges,
  },
  { name: 'outbox-delivered', promise: 'every event marked as sent is in its stream', find: findUndelivered },
  {
    name: 'inbox-complete',
    promise: 'every event of a stream was applied by each service that handles it',
    find: findUnapplied,
  },
  { name: 'no-dead-letters', promise: 'no service has a dead letter', find: findDeadLetters },
];

/** The events of the end states, in the order they are reached: a refunded order was confirmed first. */
const END_EVENTS: Readonly<Record<OrderFact['status'], readonly string[]>> = {
  PENDING: [],
  CONFIRMED: ['shop.order.v1.OrderConfirmed'],
  FAILED: ['shop.order.v1.OrderFailed'],
  CANCELLED: ['shop.order.v1.OrderCancelled'],
  REFUNDED: ['shop.order.v1.OrderConfirmed', 'shop.order.v1.OrderRefunded'],
};

function findDuplicateEvents({ streams }: FactView): Finding {
  const violations = streams.flatMap(({ name, events }) => {
    const seen = new Map<string, number>();
    return events.flatMap(({ id, sequence }): Violation[] => {
      const first = seen.get(id);
      seen.set(id, sequence);
      if (id === '') return [{ id: `${name}:${sequence}`, detail: 'has no ce-id' }];
      return first === undefined ? [] : [{ id, detail: `is in ${name} at ${first} and again at ${sequence}` }];
    });
  });
  return { counts: Object.fromEntries(streams.map(({ name, events }) => [name, events.length])), violations };
}

function findOrderEvents(view: FactView): Finding {
  const stream = view.streamOf.get('order');
  const eventsOf = groupBy(readable(stream), ({ body }) => body.orderId ?? '');
  const orders = view.orders.filter(({ createTime }) => isRetained(stream, createTime));
  const violations: Violation[] = [];
  for (const order of orders) {
    for (const detail of findEventMismatches(order, eventsOf.get(order.orderId) ?? [])) {
      violations.push({ id: order.orderId, detail });
    }
  }
  for (const orderId of eventsOf.keys()) {
    if (!view.orderOf.has(orderId)) violations.push({ id: orderId, detail: 'has events, but no order' });
  }
  const events = stream?.events ?? [];
  const created = events.filter(({ subject }) => subject.endsWith('.OrderCreated')).length;
  return { counts: { orders: orders.length, created, ended: events.length - created }, violations };
}

function findEventMismatches(order: OrderFact, events: readonly ReadableEvent[]): string[] {
  const mismatches: string[] = [];
  const created = events.filter(({ subject }) => subject === 'shop.order.v1.OrderCreated');
  const ended = events
    .filter(({ subject }) => subject !== 'shop.order.v1.OrderCreated')
    .toSorted((one, other) => one.body.version - other.body.version)
    .map(({ subject }) => subject);
  if (created.length !== 1) mismatches.push(`has ${created.length} OrderCreated`);
  if (ended.join() !== END_EVENTS[order.status].join()) {
    const names = ended.map((subject) => subject.split('.').at(-1)).join(', ');
    mismatches.push(`is ${order.status}, its end events are: ${names || 'none'}`);
  }
  for (const { subject, body } of events) {
    const isRight = subject === 'shop.order.v1.OrderCreated' ? body.version === 1 : isEndVersion(order, body.version);
    if (!isRight) mismatches.push(`has version ${order.version}, its ${subject} version ${body.version}`);
    const sameTotal = body.total !== undefined && equalMoney(body.total, order.total);
    if (body.customerId !== order.customerId || !sameTotal)
      mismatches.push(`its ${subject} has another customer or total`);
  }
  return mismatches;
}

// A confirmation is the last change of an order that is not refunded; compensation changes follow every other end.
function isEndVersion({ status, version }: OrderFact, published: number): boolean {
  return status === 'CONFIRMED' ? published === version : published > 1 && published <= version;
}

/** How often an event may exist for one order or notification. */
type Expected = { readonly subject: string; readonly key: string; readonly min: number; readonly max: number };

function findUnpublishedChanges(view: FactView): Finding {
  const expected = [...expectReservations(view), ...expectCharges(view), ...expectNotifications(view)];
  const actual = new Map<string, number>();
  for (const producer of ['inventory', 'payment', 'notification']) {
    for (const { subject, body } of readable(view.streamOf.get(producer))) {
      const key = body.notificationId ?? body.orderId;
      if (key !== undefined) actual.set(`${subject} ${key}`, (actual.get(`${subject} ${key}`) ?? 0) + 1);
    }
  }
  const violations = [
    ...expected.flatMap(({ subject, key, min, max }): Violation[] => {
      const count = actual.get(`${subject} ${key}`) ?? 0;
      if (count >= min && count <= max) return [];
      return [{ id: key, detail: `has ${count} ${subject}, expected ${max}` }];
    }),
    ...findUnpublishedProducts(view),
  ];
  const published = [...actual.values()].reduce((sum, count) => sum + count, 0);
  return { counts: { 'events expected': expected.reduce((sum, { min }) => sum + min, 0), published }, violations };
}

function expectReservations({ reservations, streamOf }: FactView): Expected[] {
  return reservations
    .filter(({ createTime }) => isRetained(streamOf.get('inventory'), createTime))
    .flatMap(({ orderId: key, state, lines, short }) => {
      const wasReserved =
        state === 'RESERVED' || state === 'CONFIRMED' || (state === 'RELEASED' && lines.length > 0 && !short);
      return [
        expect('shop.inventory.v1.StockReserved', key, wasReserved),
        expect('shop.inventory.v1.InsufficientStock', key, short),
        expect('shop.inventory.v1.StockReleased', key, wasReserved && state === 'RELEASED'),
      ];
    });
}

// A charge that was captured and refunded before payment learned of either has only a PaymentRefunded.
function expectCharges({ charges, streamOf }: FactView): Expected[] {
  return charges
    .filter(({ createTime }) => isRetained(streamOf.get('payment'), createTime))
    .flatMap(({ orderId: key, status, transactionId }) => {
      const wasRefunded = status === 'REFUNDED' && transactionId !== '';
      const completed = expect('shop.payment.v1.PaymentCompleted', key, status === 'COMPLETED');
      return [
        wasRefunded ? { ...completed, max: 1 } : completed,
        expect('shop.payment.v1.PaymentFailed', key, status === 'DECLINED'),
        expect('shop.payment.v1.PaymentRefunded', key, wasRefunded),
      ];
    });
}

function expectNotifications({ notifications, streamOf }: FactView): Expected[] {
  return notifications
    .filter(({ createTime }) => isRetained(streamOf.get('notification'), createTime))
    .map(({ notificationId, status }) =>
      expect('shop.notification.v1.NotificationSent', notificationId, status === 'SENT'),
    );
}

function findUnpublishedProducts({ products, streamOf }: FactView): Violation[] {
  const stream = streamOf.get('inventory');
  if (stream?.since !== undefined) return [];
  const changes = readable(stream).filter(({ subject }) => subject === 'shop.inventory.v1.ProductChanged');
  const changesOf = groupBy(changes, ({ body }) => body.productId ?? '');
  return products.flatMap(({ productId, version }): Violation[] => {
    const versions = (changesOf.get(productId) ?? [])
      .map(({ body }) => body.version)
      .toSorted((one, other) => one - other);
    const isComplete = versions.length === version && versions.every((published, index) => published === index + 1);
    if (isComplete) return [];
    return [
      { id: productId, detail: `has version ${version}, published were: ${versions.slice(-5).join(', ') || 'none'}` },
    ];
  });
}

function findUndelivered({ messaging, streamOf }: FactView): Finding {
  const violations: Violation[] = [];
  const counts: Record<string, number> = {};
  for (const service of OWNERS) {
    const stream = streamOf.get(service);
    const rows = messaging[service].sent.filter(({ sentTime }) => isRetained(stream, sentTime));
    const subjects = new Map((stream?.events ?? []).map(({ id, subject }) => [id, subject]));
    counts[`${service} sent`] = rows.length;
    for (const { eventId, subject } of rows) {
      if (subjects.get(eventId) === subject) continue;
      violations.push({ id: eventId, detail: `${service} has published ${subject}, but the stream does not have it` });
    }
  }
  return { counts, violations };
}

function findUnapplied({ messaging, streamOf }: FactView): Finding {
  const violations: Violation[] = [];
  const counts: Record<string, number> = {};
  for (const service of OWNERS) {
    const { inbox, deadLetters } = messaging[service];
    const deadLetterIds = new Set(deadLetters.map(({ eventId }) => eventId));
    const isRecorded = (subject: string): boolean => UNRECORDED_EVENTS[service]?.includes(subject) !== true;
    for (const [producer, subjects] of Object.entries(HANDLED_EVENTS[service])) {
      const recorded = subjects.filter(isRecorded);
      const handled = readable(streamOf.get(producer)).filter(({ subject }) => recorded.includes(subject));
      counts[`${producer} to ${service}`] = handled.length;
      for (const { id, subject } of handled) {
        if (!inbox.has(id) && !deadLetterIds.has(id))
          violations.push({ id, detail: `${service} has not applied this ${subject}` });
      }
    }
  }
  return { counts, violations };
}

function findDeadLetters({ messaging }: FactView): Finding {
  const violations = OWNERS.flatMap((service) =>
    messaging[service].deadLetters.map(({ deadLetterId, subject, error }) => ({
      id: deadLetterId,
      detail: `${service} could not apply ${subject}: ${error}`,
    })),
  );
  const counts = Object.fromEntries(OWNERS.map((service) => [service, messaging[service].deadLetters.length]));
  return { counts, violations };
}

type ReadableEvent = EventFact & { readonly body: NonNullable<EventFact['body']> };

/** Returns the events that could be decoded. An undecodable event is reported as a dead letter of its consumer. */
function readable(stream: StreamFact | undefined): ReadableEvent[] {
  return (stream?.events ?? []).filter((event): event is ReadableEvent => event.body !== undefined);
}

function isRetained(stream: StreamFact | undefined, time: Date): boolean {
  return stream?.since === undefined || time >= stream.since;
}

function expect(subject: string, key: string, isExpected: boolean): Expected {
  const times = isExpected ? 1 : 0;
  return { subject, key, min: times, max: times };
}
