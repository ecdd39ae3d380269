// The invariants of orders: their reservations and charges, their notifications, and the answers to clients. Pure.
import { messageIdOf } from '#services/notification/notification.ts';
import { equalMoney } from '#services/platform/base/money.ts';
import type { AcknowledgedOrder, OrderFact } from './facts.ts';
import { type FactView, type Finding, groupBy, type Invariant, netCaptured, type Violation } from './finding.ts';

const NO_MAILBOX = 'the mail server does not show its mails';

export const ORDER_INVARIANTS: readonly Invariant[] = [
  {
    name: 'nothing-held',
    promise:
      'no failed or cancelled order holds a reservation, and neither they nor refunded orders an unrefunded charge',
    find: findHeld,
  },
  {
    name: 'nothing-orphaned',
    promise: 'every reservation, charge and notification belongs to an existing order',
    find: findOrphans,
  },
  {
    name: 'notified-once',
    promise: 'every confirmed or refunded order has exactly one notification, and it was sent',
    find: findNotified,
  },
  {
    name: 'mailed-once',
    promise: 'the mails of every confirmed or refunded order share one Message-ID, that of its notification',
    find: findMailed,
  },
  {
    name: 'no-stray-mail',
    promise: 'no mail and no notification is about an order that was never confirmed',
    find: findStrayMail,
  },
  {
    name: 'synthetic-untouched',
    promise: 'synthetic orders captured no money, sent no mail and are not counted as sales',
    find: findSyntheticTraces,
  },
  {
    name: 'one-order-per-key',
    promise: 'every idempotency key has one order, and every order one key',
    find: findKeys,
  },
  {
    name: 'answers-durable',
    promise: 'every order acknowledged to a client exists, in the acknowledged end state',
    find: findBrokenAnswers,
  },
];

function findHeld(view: FactView): Finding {
  const ended = view.orders.filter(({ status }) => status !== 'PENDING' && status !== 'CONFIRMED');
  const reservationOf = new Map(view.reservations.map((reservation) => [reservation.orderId, reservation]));
  const chargeOf = new Map(view.charges.map((charge) => [charge.orderId, charge]));
  const violations: Violation[] = [];
  for (const { orderId, status, synthetic } of ended) {
    const report = (detail: string): number => violations.push({ id: orderId, detail: `${status}, but ${detail}` });
    const state = reservationOf.get(orderId)?.state;
    if (status !== 'REFUNDED' && (state === 'RESERVED' || state === 'CONFIRMED')) report(`its reservation is ${state}`);
    if (synthetic) continue;
    const charge = chargeOf.get(orderId)?.status;
    const isHeld = charge === 'CHARGING' || charge === 'COMPLETED';
    if (isHeld || (status === 'REFUNDED' && charge !== 'REFUNDED')) {
      report(`payment has its charge as ${charge ?? 'unknown'}`);
    }
    for (const kept of view.ledgerOf.get(orderId) ?? []) {
      if (netCaptured(kept).minorUnits > 0n) report(`the provider keeps charge ${kept.chargeId}`);
    }
  }
  const count = (wanted: OrderFact['status']): number => ended.filter(({ status }) => status === wanted).length;
  const counts = {
    'failed orders': count('FAILED'),
    'cancelled orders': count('CANCELLED'),
    'refunded orders': count('REFUNDED'),
  };
  return { counts, violations };
}

function findOrphans({ orderOf, reservations, charges, ledger, notifications }: FactView): Finding {
  const orphans = (what: string, rows: readonly { readonly orderId: string }[]): Violation[] =>
    rows
      .filter((row) => !orderOf.has(row.orderId))
      .map((row) => ({ id: row.orderId, detail: `has ${what}, but no order` }));
  const violations = [
    ...orphans('a reservation', reservations),
    ...orphans('a charge at payment', charges),
    ...orphans('a charge at the provider', ledger ?? []),
    ...orphans('a notification', notifications),
  ];
  const counts = {
    orders: orderOf.size,
    reservations: reservations.length,
    charges: charges.length,
    'charges in the ledger': ledger?.length ?? 0,
    notifications: notifications.length,
  };
  return { counts, violations };
}

function findNotified({ sold, notifications }: FactView): Finding {
  const rowsOf = groupBy(notifications, (notification) => notification.orderId);
  const violations = sold.flatMap(({ orderId, customerId, total }): Violation[] => {
    const [row, ...more] = rowsOf.get(orderId) ?? [];
    if (row === undefined || more.length > 0) {
      return [{ id: orderId, detail: `has ${row === undefined ? 0 : more.length + 1} notifications` }];
    }
    if (row.status !== 'SENT') return [{ id: orderId, detail: `its notification is ${row.status}` }];
    if (row.customerId === customerId && equalMoney(row.total, total)) return [];
    return [{ id: orderId, detail: 'its notification has another customer or total' }];
  });
  const sent = notifications.filter(({ status }) => status === 'SENT').length;
  return { counts: { 'sold orders': sold.length, 'sent notifications': sent }, violations };
}

function findMailed({ sold, notifications, mailbox, mailsOf }: FactView): Finding {
  if (mailbox === undefined) return { counts: {}, violations: [], unknown: NO_MAILBOX };
  const { mails, since } = mailbox;
  const rowsOf = groupBy(notifications, (notification) => notification.orderId);
  // A full mailbox has dropped its oldest mails: do not report them as missing.
  const expected = sold.filter(({ orderId, createTime }) => {
    const time = rowsOf.get(orderId)?.[0]?.sendTime ?? createTime;
    return since === undefined || time >= since;
  });
  const violations = expected.flatMap(({ orderId }): Violation[] => {
    const ids = [...new Set((mailsOf.get(orderId) ?? []).map(({ messageId }) => messageId))];
    if (ids.length !== 1) return [{ id: orderId, detail: `has mails with ${ids.length} Message-IDs` }];
    const expectedIds = rowsOf.get(orderId)?.map(({ notificationId }) => messageIdOf(notificationId));
    if (expectedIds?.some((id) => id === ids[0]) ?? true) return [];
    return [{ id: orderId, detail: `has a mail with Message-ID ${ids[0]}, which is not its notification's` }];
  });
  const counts = {
    'sold orders': expected.length,
    mails: mails.length,
    'Message-IDs': new Set(mails.map(({ messageId }) => messageId)).size,
  };
  return { counts, violations };
}

function findStrayMail({ orderOf, notifications, mailbox }: FactView): Finding {
  const findStray = (what: string, rows: readonly { readonly orderId: string }[]): Violation[] =>
    [...new Set(rows.map(({ orderId }) => orderId))].flatMap((orderId) => {
      const order = orderOf.get(orderId);
      const isExpected = hasBeenConfirmed(order?.status) || (order === undefined && what === 'notification');
      return isExpected
        ? []
        : [{ id: orderId || 'no order', detail: `has a ${what}, but is ${order?.status ?? 'unknown'}` }];
    });
  const mails = mailbox?.mails ?? [];
  const violations = [...findStray('mail', mails), ...findStray('notification', notifications)];
  const counts = {
    notifications: notifications.length,
    mails: mails.length,
    'unrelated mails': mailbox?.unrelated ?? 0,
    ...(mailbox === undefined ? { note: NO_MAILBOX } : {}),
  };
  return { counts, violations };
}

function findSyntheticTraces({ orders, notifications, sales, ledgerOf, mailsOf }: FactView): Finding {
  const synthetic = orders.filter((order) => order.synthetic);
  const notificationsOf = groupBy(notifications, (notification) => notification.orderId);
  const countedOf = groupBy(sales, (sale) => sale.orderId);
  const violations = synthetic.flatMap(({ orderId }): Violation[] => {
    const captured = (ledgerOf.get(orderId) ?? []).filter(({ status }) => status === 'captured');
    const sent = (notificationsOf.get(orderId) ?? []).filter(({ status }) => status !== 'SUPPRESSED');
    return [
      ...captured.map(({ chargeId }) => ({ id: orderId, detail: `the provider captured charge ${chargeId}` })),
      ...sent.map(({ status }) => ({ id: orderId, detail: `its notification is ${status}` })),
      ...(mailsOf.has(orderId) ? [{ id: orderId, detail: 'has a mail' }] : []),
      ...(countedOf.get(orderId) ?? [])
        .filter(({ steps }) => steps.length > 0)
        .map(({ steps }) => ({ id: orderId, detail: `analytics counts its ${steps.join(', ')}` })),
    ];
  });
  return { counts: { 'synthetic orders': synthetic.length }, violations };
}

function findKeys({ orders, orderOf, keys, keysSince }: FactView): Finding {
  const keysOf = groupBy(keys, (key) => key.orderId);
  const kept = orders.filter(({ createTime }) => createTime >= keysSince);
  const violations: Violation[] = [
    ...keys
      .filter(({ orderId }) => !orderOf.has(orderId))
      .map(({ orderId }) => ({ id: orderId, detail: 'has a key, but no order' })),
    ...kept
      .filter(({ orderId }) => keysOf.get(orderId)?.length !== 1)
      .map(({ orderId }) => ({ id: orderId, detail: `has ${keysOf.get(orderId)?.length ?? 0} keys` })),
  ];
  return { counts: { orders: kept.length, keys: keys.length }, violations };
}

function findBrokenAnswers(view: FactView): Finding {
  const { acknowledged, orderOf, keys } = view;
  const orderOfKey = new Map(keys.map((key) => [key.idempotencyKey, key.orderId]));
  const violations = acknowledged.flatMap((answer): Violation[] => {
    const detail = findMismatch(answer, view, orderOfKey.get(answer.idempotencyKey));
    return detail === undefined ? [] : [{ id: answer.orderId, detail }];
  });
  for (const [key, answers] of groupBy(acknowledged, ({ idempotencyKey }) => idempotencyKey)) {
    const orderIds = [...new Set(answers.map(({ orderId }) => orderId))];
    if (orderIds.length > 1) violations.push({ id: key, detail: `was answered with orders ${orderIds.join(', ')}` });
  }
  return { counts: { answers: acknowledged.length, orders: orderOf.size }, violations };
}

function findMismatch(
  answer: AcknowledgedOrder,
  { orderOf, keysSince }: FactView,
  storedOrderId: string | undefined,
): string | undefined {
  const { orderId, idempotencyKey, status, outcome } = answer;
  const order = orderOf.get(orderId);
  if (order === undefined) return `was acknowledged as ${outcome}, but does not exist`;
  if (storedOrderId !== orderId && order.createTime >= keysSince) {
    return `was acknowledged for key ${idempotencyKey}, which belongs to ${storedOrderId ?? 'no order'}`;
  }
  const isRefunded = status === 'CONFIRMED' && order.status === 'REFUNDED';
  if (status !== 'PENDING' && status !== order.status && !isRefunded) {
    return `was acknowledged as ${status}, but is ${order.status}`;
  }
  if (outcome === 'CONFIRMED' && !hasBeenConfirmed(order.status))
    return `was acknowledged as CONFIRMED, but is ${order.status}`;
  const hasFailed = order.status === 'FAILED' || order.status === 'CANCELLED';
  if (outcome === 'FAILED' && !hasFailed) return `was acknowledged as FAILED, but is ${order.status}`;
  return undefined;
}

function hasBeenConfirmed(status: OrderFact['status'] | undefined): boolean {
  return status === 'CONFIRMED' || status === 'REFUNDED';
}
