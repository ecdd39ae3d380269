import { describe, expect, it, vi } from 'vitest';
import { type OrderCreated, OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { createBroker } from '#services/platform/messaging/broker.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { createEventConsumer } from '#services/platform/messaging/event-consumer.ts';
import { type EventHandler, type HandleEvent, onEvent, onEvents } from '#services/platform/messaging/event-handler.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { installTracing, runInSpan, SpanKind, traceIdOf } from '#services/platform/observability/tracing.ts';
import type { Transaction } from '#services/platform/storage/database.ts';
import { publishAgain, publishEvent } from '../../../support/events.ts';
import { startTestNats, type TestNats } from '../../../support/nats.ts';
import type { TestDatabase } from '../../../support/postgres.ts';
import { startGate } from '../support/gate.ts';
import { ask, createNoteDatabase, openDatabase, readNotes } from '../support/open-database.ts';
import { recordLog } from '../support/recorded-log.ts';
import { deleteConsumer, deleteStream, readConsumer } from './admin.ts';

const SOON = { timeout: 15_000, interval: 50 };

type Handle = HandleEvent<typeof OrderCreatedSchema>;
type Needs = {
  readonly url: string;
  readonly nats: TestNats;
  readonly handle?: Handle;
  /** Instead of `handle`. */
  readonly handler?: EventHandler;
};

/** The effect of an event: a note. */
async function note(event: OrderCreated, transaction: Transaction): Promise<void> {
  await transaction.query('insert into note (order_id) values ($1)', [event.orderId]);
}

/** Starts the inventory's consumer of the orders with a broker connection and a pool of its own, as a replica has. */
async function startConsumer({ url, nats, handle = note, handler = onEvent(OrderCreatedSchema, handle) }: Needs) {
  installTracing();
  const { log, lines } = recordLog('inventory');
  const database = openDatabase({ url, timeoutMs: 1_000 });
  const broker = createBroker({ url: nats.url('inventory'), service: 'inventory', log });
  const metrics = createMetrics('inventory');
  const consumer = createEventConsumer({
    domain: DOMAIN,
    service: 'inventory',
    subscription: { producer: 'order', handlers: [handler] },
    database,
    broker,
    metrics,
    log,
  });
  await broker.start();
  await consumer.start();
  const countResults = async (result: string) => {
    const { values } = await metrics.eventsHandled.get();
    return values.filter(({ labels }) => labels.result === result).reduce((sum, { value }) => sum + value, 0);
  };
  return {
    consumer,
    broker,
    lines,
    countResults,
    [Symbol.asyncDispose]: async () => {
      await consumer.stop();
      await broker.stop();
      await database.close();
    },
  };
}

const publish = (nats: TestNats, orderId: string) => publishEvent(nats, OrderCreatedSchema, { orderId });

const readLetters = ({ superuserUrl }: TestDatabase) =>
  ask<Record<string, unknown>>(superuserUrl, 'select * from dead_letter order by create_time');
const readFailures = ({ superuserUrl }: TestDatabase) =>
  ask<{ attempts: number; error: string }>(superuserUrl, 'select * from event_failure');

describe('an event', () => {
  it('is applied once, however often it is delivered', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    await using running = await startConsumer({ url: test.databaseUrl, nats });
    const event = await publish(nats, 'ord1');
    for (let time = 0; time < 5; time += 1) await publishAgain(nats, event);

    await expect.poll(() => running.countResults('duplicate'), SOON).toBe(5);

    expect(await readNotes(test)).toEqual(['ord1']);
    await expect
      .poll(() => readConsumer(nats, 'SHOP_ORDER', 'inventory'), SOON)
      .toEqual({ unacknowledged: 0, pending: 0 });
  });

  it('is applied once by replicas that share the work', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    await using first = await startConsumer({ url: test.databaseUrl, nats });
    await using second = await startConsumer({ url: test.databaseUrl, nats });
    const orderIds = Array.from({ length: 200 }, (_, index) => `ord${String(index).padStart(3, '0')}`);

    for (let from = 0; from < 200; from += 20) {
      await Promise.all(orderIds.slice(from, from + 20).map((orderId) => publish(nats, orderId)));
    }

    // An event is counted after its effect is committed, and acknowledged in between.
    const countApplied = async () => (await first.countResults('applied')) + (await second.countResults('applied'));
    await expect.poll(countApplied, SOON).toBe(200);
    await expect
      .poll(() => readConsumer(nats, 'SHOP_ORDER', 'inventory'), SOON)
      .toEqual({ unacknowledged: 0, pending: 0 });
    expect(await countApplied()).toBe(200);
    expect(await readNotes(test)).toEqual(orderIds);
  });

  it('is handled in the trace that it carries', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    const traceIds: unknown[] = [];
    const handle: Handle = async (event, transaction) => {
      const next = createEvent(eventSourceOf(DOMAIN, 'inventory'), OrderCreatedSchema, event, new Date());
      traceIds.push(traceIdOf(next.headers.traceparent));
      await note(event, transaction);
    };
    await using _running = await startConsumer({ url: test.databaseUrl, nats, handle });

    const event = await runInSpan({ name: 'order', kind: SpanKind.SERVER, headers: {} }, () => publish(nats, 'ord1'));
    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1']);

    expect(event.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-/);
    expect(traceIds).toEqual([traceIdOf(event.headers.traceparent)]);
  });
});

describe('a handler that fails', () => {
  it('is retried, its failed effects rolled back, until it succeeds; then nothing is left of the failures', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    const handle = vi.fn<Handle>(async (event, transaction) => {
      await note(event, transaction);
      if (handle.mock.calls.length < 4) throw new Error('not yet');
    });
    await using running = await startConsumer({ url: test.databaseUrl, nats, handle });
    await publish(nats, 'ord1');

    await vi.waitFor(async () => expect(await readFailures(test)).toMatchObject([{ error: 'not yet' }]), SOON);
    await expect.poll(() => running.countResults('applied'), SOON).toBe(1);

    expect(await readNotes(test)).toEqual(['ord1']);
    expect(await readFailures(test)).toEqual([]);
    expect(await readLetters(test)).toEqual([]);
  });

  it('five times stores its event as a dead letter with all its data, and is delivered no more', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    const handle = vi.fn<Handle>(() => Promise.reject(new Error('no postgres://me:hunter2@db for prod456')));
    await using running = await startConsumer({ url: test.databaseUrl, nats, handle });
    const event = await runInSpan({ name: 'order', kind: SpanKind.SERVER, headers: {} }, () => publish(nats, 'ord1'));

    await expect.poll(() => running.countResults('dead_letter'), SOON).toBe(1);

    const [letter, ...more] = await readLetters(test);
    expect(more).toEqual([]);
    expect(letter).toMatchObject({
      stream: 'SHOP_ORDER',
      event_id: event.id,
      subject: 'shop.order.v1.OrderCreated',
      payload: Buffer.from(event.payload),
      headers: event.headers,
      error: 'no postgres://me:[secret]@db for prod456',
      attempts: 5,
      trace_id: traceIdOf(event.headers.traceparent),
    });
    expect(handle).toHaveBeenCalledTimes(5);
    expect(await readFailures(test)).toEqual([]);
    await expect
      .poll(() => readConsumer(nats, 'SHOP_ORDER', 'inventory'), SOON)
      .toEqual({ unacknowledged: 0, pending: 0 });
  });

  it('holds up none of the events behind its own', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    const handle: Handle = async (event, transaction) => {
      if (event.orderId === 'poison') throw new Error('it never works');
      await note(event, transaction);
    };
    await using running = await startConsumer({ url: test.databaseUrl, nats, handle });

    for (const orderId of ['poison', 'ord1', 'ord2', 'poison', 'ord3']) await publish(nats, orderId);

    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1', 'ord2', 'ord3']);
    await expect.poll(() => running.countResults('dead_letter'), SOON).toBe(2);
  });
});

it('sets a body that cannot be read aside at once', async () => {
  await using test = await createNoteDatabase();
  await using nats = await startTestNats();
  await using running = await startConsumer({ url: test.databaseUrl, nats });
  const event = createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, { orderId: 'ord1' }, new Date());

  await publishAgain(nats, { ...event, payload: Uint8Array.of(0x0f, 0xff) });
  await publishAgain(nats, { ...event, id: 'no-uuid', headers: { ...event.headers, 'ce-id': 'no-uuid' } });

  await expect.poll(() => running.countResults('dead_letter'), SOON).toBe(2);
  expect(await readLetters(test)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ event_id: event.id, attempts: 1, payload: Buffer.of(0x0f, 0xff) }),
      expect.objectContaining({ event_id: 'SHOP_ORDER:2', attempts: 1 }),
    ]),
  );
  expect(await readNotes(test)).toEqual([]);
});

it('waits out an outage of the database without counting it', async () => {
  await using test = await createNoteDatabase();
  await using nats = await startTestNats();
  await using gate = await startGate(test.databaseUrl);
  await using running = await startConsumer({ url: gate.url, nats });
  gate.shut();
  await publish(nats, 'ord1');

  await expect.poll(() => running.countResults('retried'), SOON).toBeGreaterThan(2);
  expect(await readLetters(test)).toEqual([]);
  gate.open();

  await expect.poll(() => readNotes(test), SOON).toEqual(['ord1']);
  expect(await readFailures(test)).toEqual([]);
});

describe('a consumer', () => {
  it('waits until its stream and it are provisioned', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats({ isProvisioned: false });
    await using running = await startConsumer({ url: test.databaseUrl, nats });
    await running.broker.session(AbortSignal.timeout(5_000));
    expect(await running.consumer.lag()).toEqual({ pending: -1, unacknowledged: -1 });

    await nats.provision();
    await publish(nats, 'ord1');

    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1']);
    await expect.poll(() => running.consumer.lag(), SOON).toEqual({ pending: 0, unacknowledged: 0 });
  });

  it('that is deleted while it runs is found again once it is provisioned, and what comes twice by that is applied once', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    await using running = await startConsumer({ url: test.databaseUrl, nats });
    await publish(nats, 'ord1');
    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1']);

    await deleteConsumer(nats, 'SHOP_ORDER', 'inventory');
    await nats.provision();
    await publish(nats, 'ord2');

    await expect.poll(() => running.countResults('duplicate'), SOON).toBe(1);
    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1', 'ord2']);
  });

  it('continues with the stream that replaces a lost one', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    await using _running = await startConsumer({ url: test.databaseUrl, nats });
    await publish(nats, 'ord1');
    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1']);

    await deleteStream(nats, 'SHOP_ORDER');
    await publish(nats, 'ord2');

    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1', 'ord2']);
  });

  it('continues when the broker was killed and restarted', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    await using running = await startConsumer({ url: test.databaseUrl, nats });
    await publish(nats, 'ord1');
    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1']);

    await nats.kill();
    await expect.poll(() => running.broker.status().connected, SOON).toBe(false);
    await nats.restart();
    await publish(nats, 'ord2');

    await expect.poll(() => readNotes(test), SOON).toEqual(['ord1', 'ord2']);
  });

  it('that stops finishes running events: its successor gets each of the other events once, at once', async () => {
    await using test = await createNoteDatabase();
    await using nats = await startTestNats();
    const gate = Promise.withResolvers<void>();
    const begun: OrderCreated[] = [];
    const handler = onEvents(
      OrderCreatedSchema,
      (event) => event,
      async (events, transaction) => {
        begun.push(...events);
        await gate.promise;
        for (const event of events) await note(event, transaction);
      },
    );
    const first = await startConsumer({ url: test.databaseUrl, nats, handler });
    await Promise.all(Array.from({ length: 4 }, (_, index) => publish(nats, `ord${index}`)));
    await expect.poll(() => begun.length, SOON).toBe(4);

    const stopped = first[Symbol.asyncDispose]();
    await publish(nats, 'ord9');
    gate.resolve();
    await stopped;
    expect(await readConsumer(nats, 'SHOP_ORDER', 'inventory')).toMatchObject({ unacknowledged: 0 });
    await using second = await startConsumer({ url: test.databaseUrl, nats });

    await expect.poll(() => readNotes(test), SOON).toEqual(['ord0', 'ord1', 'ord2', 'ord3', 'ord9']);
    expect(await second.countResults('duplicate')).toBe(0);
  });
});
