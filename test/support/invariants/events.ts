// The invariants of events: none lost on the way, none there twice, each change told once. Pure.
import { equalMoney } from '#services/platform/base/money.ts';
import { type EventFact, HANDLED, OWNERS, type OrderFact, type StreamFact } from './facts.ts';
import { type FactView, type Finding, groupBy, type Invariant, type Violation } from './finding.ts';

export const EVENT_INVARIANTS: readonly Invariant[] = [
  { name: 'events-distinct', promise: 'every event is in its stream once', find: findRepeatedEvents },
  {
    name: 'order-events',
    promise: 'every order has exactly one OrderCreated and one end event of its status, with its version',
    find: findOrderEvents,
  },
  {
    name: 'changes-told',
    promise: 'every reservation, charge, notification and product is told by the events of its states, once each',
    find: findUntoldChanges,
  },
  { name: 'outbox-delivered', promise: 'every event marked as sent is in its stream', find: findUndelivered },
  { name: 'inbox-complete', promise: 'every event of a stream was applied where it matters', find: findUnapplied },
  { name: 'no-dead-letters', promise: 'no event was set aside', find: findDeadLetters },
];

const END_EVENTS: Readonly<Record<OrderFact['status'], string | undefined>> = {
  PENDING: undefined,
  CONFIRMED: 'shop.order.v1.OrderConfirmed',
  FAILED: 'shop.order.v1.OrderFailed',
  CANCELLED: 'shop.order.v1.OrderCancelled',
};

function findRepeatedEvents({ streams }: FactView): Finding {
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
  const orders = view.orders.filter(({ createTime }) => isKept(stream, createTime));
  const violations: Violation[] = [];
  for (const order of orders) {
    for (const detail of findEventFaults(order, eventsOf.get(order.orderId) ?? [])) {
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

function findEventFaults(order: OrderFact, events: readonly ReadableEvent[]): string[] {
  const faults: string[] = [];
  const created = events.filter(({ subject }) => subject === 'shop.order.v1.OrderCreated');
  const ended = events.filter(({ subject }) => subject !== 'shop.order.v1.OrderCreated');
  const end = END_EVENTS[order.status];
  if (created.length !== 1) faults.push(`has ${created.length} OrderCreated`);
  const wanted = end === undefined ? 0 : 1;
  if (ended.length !== wanted || ended.some(({ subject }) => subject !== end)) {
    const names = ended.map(({ subject }) => subject.split('.').at(-1)).join(', ');
    faults.push(`is ${order.status}, its end events are: ${names || 'none'}`);
  }
  for (const { subject, body } of events) {
    const isRight = subject === 'shop.order.v1.OrderCreated' ? body.version === 1 : isEndVersion(order, body.version);
    if (!isRight) faults.push(`has version ${order.version}, its ${subject} version ${body.version}`);
    const sameTotal = body.total !== undefined && equalMoney(body.total, order.total);
    if (body.customerId !== order.customerId || !sameTotal) faults.push(`its ${subject} has another customer or total`);
  }
  return faults;
}

// Nothing follows a confirmation; a failure or cancellation is followed by what is given back.
function isEndVersion({ status, version }: OrderFact, told: number): boolean {
  return status === 'CONFIRMED' ? told === version : told > 1 && told <= version;
}

/** How often an event of a type may be there for one thing. */
type Expected = { readonly subject: string; readonly key: string; readonly least: number; readonly most: number };

function findUntoldChanges(view: FactView): Finding {
  const expected = [...expectReservations(view), ...expectCharges(view), ...expectNotifications(view)];
  const actual = new Map<string, number>();
  for (const producer of ['inventory', 'payment', 'notification']) {
    for (const { subject, body } of readable(view.streamOf.get(producer))) {
      const key = body.notificationId ?? body.orderId;
      if (key !== undefined) actual.set(`${subject} ${key}`, (actual.get(`${subject} ${key}`) ?? 0) + 1);
    }
  }
  const violations = [
    ...expected.flatMap(({ subject, key, least, most }): Violation[] => {
      const count = actual.get(`${subject} ${key}`) ?? 0;
      if (count >= least && count <= most) return [];
      return [{ id: key, detail: `is told by ${count} ${subject}, not by ${most}` }];
    }),
    ...findUntoldProducts(view),
  ];
  const told = [...actual.values()].reduce((sum, count) => sum + count, 0);
  return { counts: { 'events expected': expected.reduce((sum, { least }) => sum + least, 0), told }, violations };
}

function expectReservations({ reservations, streamOf }: FactView): Expected[] {
  return reservations
    .filter(({ createTime }) => isKept(streamOf.get('inventory'), createTime))
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

// A charge that was captured and given back before payment heard of either is told by its refund alone.
function expectCharges({ charges, streamOf }: FactView): Expected[] {
  return charges
    .filter(({ createTime }) => isKept(streamOf.get('payment'), createTime))
    .flatMap(({ orderId: key, status, transactionId }) => {
      const wasRefunded = status === 'REFUNDED' && transactionId !== '';
      const completed = expect('shop.payment.v1.PaymentCompleted', key, status === 'COMPLETED');
      return [
        wasRefunded ? { ...completed, most: 1 } : completed,
        expect('shop.payment.v1.PaymentFailed', key, status === 'DECLINED'),
        expect('shop.payment.v1.PaymentRefunded', key, wasRefunded),
      ];
    });
}

function expectNotifications({ notifications, streamOf }: FactView): Expected[] {
  return notifications
    .filter(({ createTime }) => isKept(streamOf.get('notification'), createTime))
    .map(({ notificationId, status }) =>
      expect('shop.notification.v1.NotificationSent', notificationId, status === 'SENT'),
    );
}

function findUntoldProducts({ products, streamOf }: FactView): Violation[] {
  const stream = streamOf.get('inventory');
  if (stream?.since !== undefined) return [];
  const changes = readable(stream).filter(({ subject }) => subject === 'shop.inventory.v1.ProductChanged');
  const changesOf = groupBy(changes, ({ body }) => body.productId ?? '');
  return products.flatMap(({ productId, version }): Violation[] => {
    const versions = (changesOf.get(productId) ?? [])
      .map(({ body }) => body.version)
      .toSorted((one, other) => one - other);
    const isWhole = versions.length === version && versions.every((told, index) => told === index + 1);
    if (isWhole) return [];
    return [{ id: productId, detail: `has version ${version}, told were: ${versions.slice(-5).join(', ') || 'none'}` }];
  });
}

function findUndelivered({ messaging, streamOf }: FactView): Finding {
  const violations: Violation[] = [];
  const counts: Record<string, number> = {};
  for (const service of OWNERS) {
    const stream = streamOf.get(service);
    const rows = messaging[service].sent.filter(({ sentTime }) => isKept(stream, sentTime));
    const subjects = new Map((stream?.events ?? []).map(({ id, subject }) => [id, subject]));
    counts[`${service} sent`] = rows.length;
    for (const { eventId, subject } of rows) {
      if (subjects.get(eventId) === subject) continue;
      violations.push({ id: eventId, detail: `${service} has sent its ${subject}, the stream does not have it` });
    }
  }
  return { counts, violations };
}

function findUnapplied({ messaging, streamOf }: FactView): Finding {
  const violations: Violation[] = [];
  const counts: Record<string, number> = {};
  for (const service of OWNERS) {
    const { inbox, deadLetters } = messaging[service];
    const aside = new Set(deadLetters.map(({ eventId }) => eventId));
    for (const [producer, subjects] of Object.entries(HANDLED[service])) {
      const handled = readable(streamOf.get(producer)).filter(({ subject }) => subjects.includes(subject));
      counts[`${producer} to ${service}`] = handled.length;
      for (const { id, subject } of handled) {
        if (!inbox.has(id) && !aside.has(id))
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

/** The events that are what their subjects say. What nobody can read is told of where it was to be applied. */
function readable(stream: StreamFact | undefined): ReadableEvent[] {
  return (stream?.events ?? []).filter((event): event is ReadableEvent => event.body !== undefined);
}

function isKept(stream: StreamFact | undefined, time: Date): boolean {
  return stream?.since === undefined || time >= stream.since;
}

function expect(subject: string, key: string, isExpected: boolean): Expected {
  const times = isExpected ? 1 : 0;
  return { subject, key, least: times, most: times };
}
