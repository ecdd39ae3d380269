// The SQL of notifications: who may claim a mail, and what its end changes.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toSentEvent } from '#services/notification/notification-messages.ts';
import { createNotificationStore, insertNotifications } from '#services/notification/notification-store.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { ask, openDatabase } from '../platform/support/open-database.ts';

const LEASE_MS = 60_000;
const SEND_TIME = new Date('2026-01-02T03:04:05.678Z');
const EVERYTHING = { customerId: '', orderId: '' };

async function openStore() {
  await using resources = new AsyncDisposableStack();
  const test = resources.use(await createTestDatabase('notification'));
  // Without index scans a statement that does not sort returns the rows as they were inserted.
  for (const scan of ['indexscan', 'indexonlyscan', 'bitmapscan']) {
    await ask(test.superuserUrl, `alter database "${test.name}" set enable_${scan} = off`);
  }
  const database = resources.use(openDatabase({ url: test.databaseUrl }));
  const owned = resources.move();
  return {
    store: createNotificationStore(database),
    sql: <Row>(text: string, values: unknown[] = []) => ask<Row>(test.superuserUrl, text, values),
    /** Inserts the notification of a confirmed order and returns its id. */
    insert: async (orderId: string, { synthetic = false, customerId = 'c' } = {}) => {
      const notificationId = randomUUID();
      const total = { currencyCode: 'EUR', minorUnits: 5999n };
      const row = { notificationId, orderId, customerId, items: [], total, synthetic, traceparent: '' };
      await insertNotifications(database, [row]);
      return notificationId;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type OpenStore = Awaited<ReturnType<typeof openStore>>;

/** Claims the only mail and stores that it was sent. */
async function send({ store }: OpenStore): Promise<boolean> {
  const [due] = await store.claimDue(1, LEASE_MS);
  if (due === undefined) throw new Error('no mail is due');
  const { notification } = due;
  return store.markSent(notification.notificationId, SEND_TIME, [toSentEvent(notification, SEND_TIME)]);
}

describe('a claim', () => {
  it('takes the mails that are due the longest', async () => {
    await using open = await openStore();
    for (const minutes of [1, 2, 3, 4]) {
      await open.insert(`due-for-${minutes}`);
      await open.sql(`update notification set next_try_time = now() - $1 * interval '1 minute' where order_id = $2`, [
        minutes,
        `due-for-${minutes}`,
      ]);
    }

    const claims = [await open.store.claimDue(2, LEASE_MS), await open.store.claimDue(2, LEASE_MS)];

    expect(claims.map((due) => due.map(({ notification }) => notification.orderId).sort())).toEqual([
      ['due-for-3', 'due-for-4'],
      ['due-for-1', 'due-for-2'],
    ]);
  });

  it('is the only one until its lease is over, and counts the attempts', async () => {
    await using open = await openStore();
    await open.insert('order-1');

    const first = await open.store.claimDue(10, LEASE_MS);
    const during = await open.store.claimDue(10, LEASE_MS);
    const [lease] = await open.sql<{ ms: number }>(
      `select extract(epoch from next_try_time - now())::float8 * 1000 as ms from notification`,
    );
    await open.sql('update notification set next_try_time = now()');
    const after = await open.store.claimDue(10, LEASE_MS);

    expect([first, during, after].map((due) => due.map(({ attempt }) => attempt))).toEqual([[1], [], [2]]);
    expect(lease?.ms).toBeGreaterThan(LEASE_MS / 2);
    expect(lease?.ms).toBeLessThanOrEqual(LEASE_MS);
  });

  it('takes no mail that another replica has just postponed by ten minutes', async () => {
    await using open = await openStore();
    await open.insert('order-1');
    // Its statement began later than this claim, so the time is more than ten minutes ahead.
    await open.sql(`update notification set next_try_time = now() + interval '10 minutes 5 seconds'`);

    expect(await open.store.claimDue(10, LEASE_MS)).toEqual([]);
  });

  it('takes no mail that was sent, and none of a synthetic order', async () => {
    await using open = await openStore();
    await open.insert('order-1');
    await send(open);
    await open.insert('test-order', { synthetic: true });
    await open.sql(`update notification set next_try_time = now() - interval '1 minute'`);

    expect(await open.store.claimDue(10, LEASE_MS)).toEqual([]);
  });
});

describe('a mail that was sent', () => {
  it('is stored with its event once, however often its attempts end', async () => {
    await using open = await openStore();
    const id = await open.insert('order-1');
    const [due] = await open.store.claimDue(1, LEASE_MS);
    const later = new Date(SEND_TIME.getTime() + 60_000);

    const ends = [
      await open.store.markSent(id, SEND_TIME, [toSentEvent(due!.notification, SEND_TIME)]),
      await open.store.markSent(id, later, [toSentEvent(due!.notification, later)]),
    ];

    expect(ends).toEqual([true, false]);
    expect(await open.store.list(EVERYTHING, { size: 10, after: undefined })).toMatchObject([
      { status: 'SENT', sendTime: SEND_TIME, version: 2 },
    ]);
    expect(await open.sql(`select headers ->> 'ce-time' as time from outbox`)).toEqual([
      { time: SEND_TIME.toISOString() },
    ]);
  });

  it('stays sent when an attempt of another replica fails afterwards', async () => {
    await using open = await openStore();
    const id = await open.insert('order-1');
    await send(open);

    await open.store.postpone(id, 1_000, 'connect ECONNREFUSED', false);

    expect(await open.sql('select status, error, attempts from notification')).toEqual([
      { status: 'SENT', error: '', attempts: 1 },
    ]);
  });

  it('can not be that of a synthetic order', async () => {
    await using open = await openStore();
    const id = await open.insert('test-order', { synthetic: true });
    const [notification] = await open.store.list(EVERYTHING, { size: 1, after: undefined });

    expect(await open.store.markSent(id, SEND_TIME, [toSentEvent(notification!, SEND_TIME)])).toBe(false);
    expect(await open.sql('select 1 from outbox')).toEqual([]);
  });
});

describe('a mail that was not sent', () => {
  it.each([
    { end: 'a failed attempt', counted: true, attempts: 1 },
    { end: 'no attempt', counted: false, attempts: 0 },
  ])('is due again later, and $end counts as $attempts', async ({ counted, attempts }) => {
    await using open = await openStore();
    const id = await open.insert('order-1');
    await open.store.claimDue(1, LEASE_MS);

    await open.store.postpone(id, 3_600_000, 'connect ECONNREFUSED', counted);

    const [row] = await open.sql<{ minutes: number }>(
      `select status, error, attempts, extract(epoch from next_try_time - now())::float8 / 60 as minutes from notification`,
    );
    expect(row).toMatchObject({ status: 'PENDING', error: 'connect ECONNREFUSED', attempts });
    expect(row?.minutes).toBeGreaterThan(9);
    expect(row?.minutes).toBeLessThanOrEqual(10);
  });
});

it('lists the notifications of exactly one customer, and of exactly one order', async () => {
  await using open = await openStore();
  const names = ['anna', 'Anna', 'anna2', 'ann_', 'ann%'];
  for (const name of names) await open.insert(`order-of-${name}`, { customerId: name });
  const everything = { size: 10, after: undefined };

  for (const name of names) {
    const orderId = `order-of-${name}`;
    expect(await open.store.list({ customerId: name, orderId: '' }, everything)).toMatchObject([{ orderId }]);
    expect(await open.store.list({ customerId: '', orderId }, everything)).toMatchObject([{ customerId: name }]);
    expect(await open.store.list({ customerId: 'anna', orderId }, everything)).toHaveLength(name === 'anna' ? 1 : 0);
  }
});

it('lists notifications of one moment page by page, each once', async () => {
  await using open = await openStore();
  const ids = [];
  for (const orderId of ['a', 'b', 'c', 'd', 'e']) ids.push(await open.insert(orderId));
  await open.sql(`update notification set create_time = date_trunc('milliseconds', now())`);

  const seen: string[] = [];
  let after: readonly string[] | undefined;
  for (let page = 0; page < 3; page += 1) {
    const found = (await open.store.list(EVERYTHING, { size: 2, after })).slice(0, 2);
    seen.push(...found.map(({ notificationId }) => notificationId));
    const last = found.at(-1);
    after = last && [last.createTime.toISOString(), last.notificationId];
  }

  expect(seen).toEqual(ids.sort().reverse());
});
