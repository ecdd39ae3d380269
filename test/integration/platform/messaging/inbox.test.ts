// The SQL of the inbox: receipts, failures and dead letters of events.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  countFailure,
  type ReceivedEvent,
  recordReceipt,
  storeDeadLetter,
} from '#services/platform/messaging/inbox.ts';
import { ask, createNoteDatabase, openDatabase } from '../support/open-database.ts';

const FAILURE = new Error('no postgres://me:hunter2@db for prod456');
const SCRUBBED = 'no postgres://me:[secret]@db for prod456';

function eventOf(changes: Partial<ReceivedEvent> = {}): ReceivedEvent {
  const payload = Uint8Array.of(1, 2);
  return {
    stream: 'SHOP_ORDER',
    id: randomUUID(),
    subject: 'shop.order.v1.OrderCreated',
    payload,
    headers: {},
    ...changes,
  };
}

async function openInbox() {
  await using resources = new AsyncDisposableStack();
  const test = resources.use(await createNoteDatabase());
  const database = resources.use(openDatabase({ url: test.databaseUrl }));
  const owned = resources.move();
  return {
    database,
    failures: () =>
      ask(test.superuserUrl, 'select stream, event_id, attempts, error from event_failure order by stream, event_id'),
    letters: () => ask<{ event_id: string }>(test.superuserUrl, 'select * from dead_letter order by event_id'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe('the failures of an event', () => {
  it('are counted for each event of each stream, with the last error and none of its passwords', async () => {
    await using inbox = await openInbox();
    const event = eventOf();
    const ofOtherStream = { ...event, stream: 'SHOP_PAYMENT' };

    const counts = [
      await countFailure(inbox.database, event, new Error('at first')),
      await countFailure(inbox.database, ofOtherStream, new Error('elsewhere')),
      await countFailure(inbox.database, event, FAILURE),
    ];

    expect(counts).toEqual([1, 1, 2]);
    expect(await inbox.failures()).toEqual([
      { stream: 'SHOP_ORDER', event_id: event.id, attempts: 2, error: SCRUBBED },
      { stream: 'SHOP_PAYMENT', event_id: event.id, attempts: 1, error: 'elsewhere' },
    ]);
  });

  it('are forgotten when it is applied, those of other events are not', async () => {
    await using inbox = await openInbox();
    const [event, other] = [eventOf(), eventOf()];
    for (const each of [event, other]) await countFailure(inbox.database, each, FAILURE);

    const receipts = await inbox.database.transaction(async (transaction) => [
      await recordReceipt(transaction, event),
      await recordReceipt(transaction, event),
    ]);

    expect(receipts).toEqual([true, false]);
    expect(await inbox.failures()).toMatchObject([{ event_id: other.id }]);
  });

  it.each([
    { letterCase: 'small', idOf: (id: string) => id },
    { letterCase: 'capital', idOf: (id: string) => id.toUpperCase() },
  ])('become a dead letter, its id in $letterCase letters, and those of other events do not', async ({ idOf }) => {
    await using inbox = await openInbox();
    const event = eventOf({ id: idOf(randomUUID()) });
    const other = eventOf();
    for (const each of [event, other]) await countFailure(inbox.database, each, FAILURE);

    await storeDeadLetter(inbox.database, event, FAILURE, 5);

    expect(await inbox.failures()).toMatchObject([{ event_id: other.id }]);
    expect(await inbox.letters()).toMatchObject([{ event_id: event.id, error: SCRUBBED, attempts: 5 }]);
  });
});

describe('a dead letter', () => {
  it('keeps its first error when it is stored again, and one of another stream is another', async () => {
    await using inbox = await openInbox();
    const event = eventOf();

    await storeDeadLetter(inbox.database, event, new Error('at first'), 5);
    await storeDeadLetter(inbox.database, event, new Error('again'), 6);
    await storeDeadLetter(inbox.database, { ...event, stream: 'SHOP_PAYMENT' }, new Error('elsewhere'), 1);

    expect(await inbox.letters()).toHaveLength(2);
    expect(await inbox.letters()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ stream: 'SHOP_ORDER', error: 'at first', attempts: 5 }),
        expect.objectContaining({ stream: 'SHOP_PAYMENT', error: 'elsewhere' }),
      ]),
    );
  });

  it('may have an id that is no UUID', async () => {
    await using inbox = await openInbox();

    await storeDeadLetter(inbox.database, eventOf({ id: 'SHOP_ORDER:17' }), FAILURE, 1);

    expect(await inbox.letters()).toMatchObject([{ event_id: 'SHOP_ORDER:17' }]);
  });
});
