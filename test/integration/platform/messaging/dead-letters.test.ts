import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { type OrderCreated, OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import { createEvent, type OutgoingEvent } from '#services/platform/messaging/event.ts';
import { refusalOf } from '../../../support/clients.ts';
import type { TestDatabase } from '../../../support/postgres.ts';
import { startTinyService } from '../runtime/tiny-service.ts';
import { ask, createNoteDatabase, readNotes } from '../support/open-database.ts';

type Letter = { readonly deadLetterId: string; readonly event: OutgoingEvent };

/** Stores an event as a dead letter, as its consumer does, at `time`, which has microseconds. */
async function storeDeadLetter(
  test: TestDatabase,
  orderId: string,
  time = '2026-01-02 03:04:05.678901+00',
): Promise<Letter> {
  const event = createEvent(eventSourceOf(DOMAIN, 'order'), OrderCreatedSchema, { orderId }, new Date());
  const deadLetterId = randomUUID();
  await ask(
    test.databaseUrl,
    `insert into dead_letter
       (dead_letter_id, stream, event_id, subject, payload, headers, error, attempts, trace_id, create_time)
     values ($1, 'SHOP_ORDER', $2, $3, $4, $5, 'no such product', 5, '', $6)`,
    [deadLetterId, event.id, event.subject, Buffer.from(event.payload), JSON.stringify(event.headers), time],
  );
  return { deadLetterId, event };
}

async function startInventory(
  test: TestDatabase,
  onOrderCreated: (event: OrderCreated) => Promise<void> = async () => undefined,
) {
  const tiny = await startTinyService({
    name: 'inventory',
    databaseUrl: test.databaseUrl,
    natsUrl: 'nats://127.0.0.1:1',
    onOrderCreated,
  });
  return { ...tiny, ops: tiny.connection.client(OpsService) };
}

const count = async ({ superuserUrl }: TestDatabase, table: string) =>
  (await ask<{ count: number }>(superuserUrl, `select count(*)::int as count from ${table}`))[0]?.count;

describe('the list', () => {
  it('gives each letter once, oldest first, page by page, also those of one millisecond', async () => {
    await using test = await createNoteDatabase();
    await using inventory = await startInventory(test);
    const times = ['678901', '678902', '678903', '678903', '679000', '678000'];
    for (const [index, time] of times.entries())
      await storeDeadLetter(test, `ord${index}`, `2026-01-02 03:04:05.${time}+00`);
    const seen: { deadLetterId: string; eventId: string }[] = [];

    let pageToken = '';
    do {
      const page = await inventory.ops.listDeadLetters({ pageSize: 1, pageToken });
      seen.push(...page.deadLetters);
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && seen.length < 20);

    const rows = await ask<{ event_id: string }>(
      test.superuserUrl,
      'select event_id from dead_letter order by create_time, dead_letter_id',
    );
    expect(seen.map((letter) => letter.eventId)).toEqual(rows.map((row) => row.event_id));
  });

  it('returns all data of a letter', async () => {
    await using test = await createNoteDatabase();
    await using inventory = await startInventory(test);
    const { deadLetterId, event } = await storeDeadLetter(test, 'ord1');

    const { deadLetters } = await inventory.ops.listDeadLetters({});

    expect(deadLetters).toMatchObject([
      {
        deadLetterId,
        stream: 'SHOP_ORDER',
        subject: event.subject,
        eventId: event.id,
        headers: event.headers,
        error: 'no such product',
        attempts: 5,
        createTime: { seconds: BigInt(Date.UTC(2026, 0, 2, 3, 4, 5) / 1_000), nanos: 678_000_000 },
      },
    ]);
    expect(new Uint8Array(deadLetters[0]!.payload)).toEqual(event.payload);
  });
});

describe('a replay', () => {
  it('applies the event and forgets the letter, both or neither', async () => {
    await using test = await createNoteDatabase();
    await using inventory = await startInventory(test);
    const { deadLetterId } = await storeDeadLetter(test, 'ord1');

    await inventory.ops.replayDeadLetter({ deadLetterId });

    expect(await readNotes(test)).toEqual(['ord1']);
    expect(await count(test, 'dead_letter')).toBe(0);
    expect(await count(test, 'inbox')).toBe(1);
  });

  it('that fails keeps the letter and nothing of its effect, and may be retried', async () => {
    await using test = await createNoteDatabase();
    let failing = true;
    await using inventory = await startInventory(test, async () => {
      if (failing) throw new Error('still no such product');
    });
    const { deadLetterId } = await storeDeadLetter(test, 'ord1');

    const { error, reason } = await refusalOf(inventory.ops.replayDeadLetter({ deadLetterId }));

    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.rawMessage).toContain('still no such product');
    expect(reason).toBe('REPLAY_FAILED');
    expect(await readNotes(test)).toEqual([]);
    expect(await count(test, 'inbox')).toBe(0);
    failing = false;
    await inventory.ops.replayDeadLetter({ deadLetterId });
    expect(await readNotes(test)).toEqual(['ord1']);
  });

  it.each([
    { of: 'the database', reason: 'DATABASE_UNAVAILABLE' },
    { of: 'a dependency of its handler', reason: 'CATALOGUE_UNKNOWN' },
  ])('during an outage of $of may be retried as it is: it has not failed', async ({ reason }) => {
    await using test = await createNoteDatabase();
    const outage = unavailable({ reason, message: 'away', retryAfterMs: 1_500 });
    await using inventory = await startInventory(test, () => Promise.reject(outage));
    const { deadLetterId } = await storeDeadLetter(test, 'ord1');

    const refusal = await refusalOf(inventory.ops.replayDeadLetter({ deadLetterId }));

    expect([refusal.error.code, refusal.reason]).toEqual([Code.Unavailable, reason]);
    expect(refusal.error.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: { seconds: 1n } }]);
    expect(await count(test, 'dead_letter')).toBe(1);
    expect(await count(test, 'inbox')).toBe(0);
  });

  it('that fails tells no password', async () => {
    await using test = await createNoteDatabase();
    await using inventory = await startInventory(test, () =>
      Promise.reject(new Error('no postgres://me:hunter2@db for prod456')),
    );
    const { deadLetterId } = await storeDeadLetter(test, 'ord1');

    const { error } = await refusalOf(inventory.ops.replayDeadLetter({ deadLetterId }));

    expect(error.rawMessage).toBe('it still cannot be applied: no postgres://me:[secret]@db for prod456');
  });

  it('of an event that was applied in the meantime only deletes the letter', async () => {
    await using test = await createNoteDatabase();
    await using inventory = await startInventory(test);
    const { deadLetterId, event } = await storeDeadLetter(test, 'ord1');
    await ask(test.databaseUrl, 'insert into inbox (event_id) values ($1)', [event.id]);

    await inventory.ops.replayDeadLetter({ deadLetterId });

    expect(await readNotes(test)).toEqual([]);
    expect(await count(test, 'dead_letter')).toBe(0);
  });

  it('asked for many times at once applies once', async () => {
    await using test = await createNoteDatabase();
    await using inventory = await startInventory(test);
    const { deadLetterId } = await storeDeadLetter(test, 'ord1');

    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => inventory.ops.replayDeadLetter({ deadLetterId })),
    );

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readNotes(test)).toEqual(['ord1']);
  });

  it('of what nothing here handles is refused and keeps the letter', async () => {
    await using test = await createNoteDatabase();
    await using inventory = await startInventory(test);
    const { deadLetterId } = await storeDeadLetter(test, 'ord1');
    await ask(test.databaseUrl, "update dead_letter set subject = 'shop.order.v1.OrderForgotten'");

    const { reason } = await refusalOf(inventory.ops.replayDeadLetter({ deadLetterId }));

    expect(reason).toBe('REPLAY_FAILED');
    expect(await count(test, 'dead_letter')).toBe(1);
  });
});

it('discards a letter without applying it; to discard it again is no error, to replay it is', async () => {
  await using test = await createNoteDatabase();
  await using inventory = await startInventory(test);
  const { deadLetterId } = await storeDeadLetter(test, 'ord1');

  await inventory.ops.discardDeadLetter({ deadLetterId });
  await inventory.ops.discardDeadLetter({ deadLetterId });
  const { error, reason } = await refusalOf(inventory.ops.replayDeadLetter({ deadLetterId }));

  expect(error.code).toBe(Code.NotFound);
  expect(reason).toBe('DEAD_LETTER_NOT_FOUND');
  expect(await readNotes(test)).toEqual([]);
});
