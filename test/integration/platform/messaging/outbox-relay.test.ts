import { describe, expect, it, vi } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { createBroker } from '#services/platform/messaging/broker.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { insertEvents } from '#services/platform/messaging/outbox.ts';
import { createOutboxRelay } from '#services/platform/messaging/outbox-relay.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { type Sql, sql, toStatement } from '#services/platform/storage/sql.ts';
import { readEvents } from '../../../support/events.ts';
import { startTestNats, type TestNats } from '../../../support/nats.ts';
import type { TestDatabase } from '../../../support/postgres.ts';
import { ask, createNoteDatabase, openDatabase } from '../support/open-database.ts';
import { recordLog } from '../support/recorded-log.ts';
import { deleteStream } from './admin.ts';

const SUBJECT = 'shop.order.v1.OrderCreated';
const SOON = { timeout: 10_000, interval: 50 };
const WAITING = 'the stream is not provisioned yet; events wait in the outbox';

/** Stores events of as many orders, in one statement, and returns them. */
async function storeEvents({ databaseUrl }: TestDatabase, count: number, prefix = 'ord') {
  const events = Array.from({ length: count }, (_, index) =>
    createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, { orderId: `${prefix}${index}` }, new Date()),
  );
  const { text, values } = toStatement(insertEvents(events));
  await ask(databaseUrl, text, [...values]);
  return events;
}

async function countUnsent({ superuserUrl }: TestDatabase): Promise<number> {
  const [row] = await ask<{ count: number }>(
    superuserUrl,
    'select count(*)::int as count from outbox where sent_time is null',
  );
  return row?.count ?? -1;
}

type Needs = { readonly test: TestDatabase; readonly nats: TestNats; readonly wrap?: (database: Database) => Database };

/** Starts a relay with a broker connection and a pool of its own, as a replica has. */
async function startRelay({ test, nats, wrap = (database) => database }: Needs) {
  const { log, lines } = recordLog('order');
  const database = openDatabase({ url: test.databaseUrl, timeoutMs: 5_000 });
  const broker = createBroker({ url: nats.url('order'), service: 'order', log });
  const metrics = createMetrics('order');
  const relay = createOutboxRelay({ domain: DOMAIN, service: 'order', database: wrap(database), broker, metrics, log });
  await broker.start();
  await relay.start();
  return {
    relay,
    broker,
    lines,
    [Symbol.asyncDispose]: async () => {
      await relay.stop();
      await broker.stop();
      await database.close();
    },
  };
}

/** Adds the ids of each batch that a relay reads to `batches`. */
function observeReads(database: Database, batches: string[][]): Database {
  return {
    ...database,
    transaction: (work) =>
      database.transaction((transaction) =>
        work({
          ...transaction,
          query: async <Row>(statement: string | Sql, values?: readonly unknown[]) => {
            const rows = await transaction.query<Row>(statement, values);
            const text = typeof statement === 'string' ? statement : toStatement(statement).text;
            if (text.startsWith('select event_id')) {
              batches.push(rows.map((row) => (row as { event_id: string }).event_id));
            }
            return rows;
          },
        }),
      ),
  };
}

const idsOf = (events: readonly { id: string }[]) => events.map(({ id }) => id).sort();

describe('a relay', () => {
  it('publishes a stored event as it is, under its id, and records that it did', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    await using _relay = await startRelay({ test, nats });
    const [event] = await storeEvents(test, 1);

    await expect.poll(() => readEvents(nats, SUBJECT), SOON).toHaveLength(1);

    const [stored] = await readEvents(nats, SUBJECT);
    expect(stored).toMatchObject({ stream: 'SHOP_ORDER', id: event!.id });
    expect(stored!.headers).toEqual({ ...event!.headers, 'nats-msg-id': event!.id });
    expect(stored!.payload).toEqual(event!.payload);
    await expect.poll(() => countUnsent(test), SOON).toBe(0);
  });

  it('publishes what is stored while it is idle', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    await using running = await startRelay({ test, nats });
    await storeEvents(test, 1, 'first');
    await expect.poll(() => countUnsent(test), SOON).toBe(0);

    await storeEvents(test, 1, 'second');
    running.relay.wake();

    await expect.poll(() => countUnsent(test), SOON).toBe(0);
  });

  it('publishes the oldest events first, batch after batch', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    // Without index scans a statement that does not sort returns the rows as they were inserted.
    for (const scan of ['indexscan', 'bitmapscan']) {
      await ask(test.superuserUrl, `alter database "${test.name}" set enable_${scan} = off`);
    }
    const events = await storeEvents(test, 130);
    await ask(
      test.superuserUrl,
      `update outbox set create_time = now() - age * interval '1 second'
       from unnest($1::uuid[]) with ordinality as newest_first (id, age) where event_id = id`,
      [events.map(({ id }) => id)],
    );
    const batches: string[][] = [];
    await using _relay = await startRelay({ test, nats, wrap: (database) => observeReads(database, batches) });

    await expect.poll(() => countUnsent(test), SOON).toBe(0);

    const oldestFirst = events.map(({ id }) => id).reverse();
    expect(batches.filter((batch) => batch.length > 0)).toEqual([oldestFirst.slice(0, 100), oldestFirst.slice(100)]);
  });

  it('publishes more than a batch without waiting in between', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    const events = await storeEvents(test, 350);
    await using _relay = await startRelay({ test, nats });

    await expect.poll(() => countUnsent(test), SOON).toBe(0);

    expect(idsOf(await readEvents(nats, SUBJECT))).toEqual(idsOf(events));
  });

  it('shares the rows with its replicas: none is published twice', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    // A replica locks what it reads: observed in the statements, because the stream would hide a duplicate.
    const batches: string[][] = [];
    const wrap = (database: Database) => observeReads(database, batches);
    const events = await storeEvents(test, 500);
    await using _first = await startRelay({ test, nats, wrap });
    await using _second = await startRelay({ test, nats, wrap });
    await using _third = await startRelay({ test, nats, wrap });

    await expect.poll(() => countUnsent(test), SOON).toBe(0);

    expect(batches.flat().sort()).toEqual(idsOf(events));
    expect(await readEvents(nats, SUBJECT)).toHaveLength(500);
  });

  it('that dies between publishing and recording publishes again, and the stream keeps one of each', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    const events = await storeEvents(test, 20);
    const crash = vi.fn();
    const dieOnce = (database: Database): Database => ({
      ...database,
      transaction: (work) =>
        database.transaction((transaction) =>
          work({
            ...transaction,
            query: async (statement, values) => {
              const text = typeof statement === 'string' ? statement : toStatement(statement).text;
              if (text.startsWith('update outbox') && crash.mock.calls.length === 0) {
                crash();
                throw new Error('killed');
              }
              return transaction.query(statement, values);
            },
          }),
        ),
    });
    await using _relay = await startRelay({ test, nats, wrap: dieOnce });

    await expect.poll(() => countUnsent(test), SOON).toBe(0);

    expect(crash).toHaveBeenCalledOnce();
    expect(idsOf(await readEvents(nats, SUBJECT))).toEqual(idsOf(events));
  });
});

describe('while the broker is unreachable', () => {
  it('events wait in the outbox, and follow when it is back', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    await using running = await startRelay({ test, nats });
    await storeEvents(test, 1, 'before');
    await expect.poll(() => countUnsent(test), SOON).toBe(0);

    await nats.kill();
    await expect.poll(() => running.broker.status().connected, SOON).toBe(false);
    await storeEvents(test, 30, 'in the outage ');
    running.relay.wake();
    await nats.restart();

    await expect.poll(() => countUnsent(test), SOON).toBe(0);
    expect(await readEvents(nats, SUBJECT)).toHaveLength(31);
  });

  it('since before the start, nothing is lost either', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    await nats.stop();
    await using _relay = await startRelay({ test, nats });
    await storeEvents(test, 3);

    await nats.restart();

    await expect.poll(() => countUnsent(test), SOON).toBe(0);
    expect(await readEvents(nats, SUBJECT)).toHaveLength(3);
  });

  it('and loses its streams, events wait until they are provisioned again', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    await using running = await startRelay({ test, nats });
    await storeEvents(test, 1, 'lost');
    await expect.poll(() => countUnsent(test), SOON).toBe(0);

    await deleteStream(nats, 'SHOP_ORDER');
    await storeEvents(test, 2, 'kept');
    running.relay.wake();
    await expect.poll(() => running.lines.map(({ msg }) => msg), SOON).toContain(WAITING);
    expect(await countUnsent(test)).toBe(2);
    await nats.provision();

    await expect.poll(() => countUnsent(test), SOON).toBe(0);
    expect(await readEvents(nats, SUBJECT)).toHaveLength(2);
    expect(running.lines.filter(({ msg }) => msg === WAITING)).toHaveLength(1);
  });
});

describe('rows that another replica has locked', () => {
  it('are skipped, and published if that replica does not publish them', async () => {
    await using test = await createNoteDatabase('order');
    await using nats = await startTestNats();
    const [first, second, ...others] = await storeEvents(test, 5);
    await using replica = openDatabase({ url: test.databaseUrl });
    await using relays = new AsyncDisposableStack();
    const reads: string[][] = [];
    const observe = (database: Database): Database => ({
      ...database,
      transaction: (work) =>
        database.transaction(async (transaction) =>
          work({
            ...transaction,
            query: async <Row>(statement: string | Sql, values?: readonly unknown[]) => {
              const rows = await transaction.query<Row>(statement, values);
              if (rows.length > 0) reads.push(rows.map((row) => (row as { event_id: string }).event_id).sort());
              return rows;
            },
          }),
        ),
    });

    await replica.transaction(async (transaction) => {
      const locked = [first!.id, second!.id];
      await transaction.query(sql`select from outbox where event_id = any(${locked}::uuid[]) for update`);
      relays.use(await startRelay({ test, nats, wrap: observe }));

      await expect.poll(() => reads.length, SOON).toBeGreaterThan(0);
      expect(reads).toEqual([idsOf(others)]);
      await expect.poll(() => countUnsent(test), SOON).toBe(2);
    });

    await expect.poll(() => countUnsent(test), SOON).toBe(0);
    expect(idsOf(await readEvents(nats, SUBJECT))).toEqual(idsOf([first!, second!, ...others]));
  });
});
