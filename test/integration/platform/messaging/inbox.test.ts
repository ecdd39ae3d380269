// The SQL of the inbox: receipts, failures and dead letters of events.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ApplyAll } from '#services/platform/messaging/event-handler.ts';
import {
  applyTogether,
  countFailure,
  type ReadyEvent,
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

it('stores failures and dead letters whose headers and errors hold what Postgres refuses', async () => {
  await using inbox = await openInbox();
  const event = eventOf({
    headers: { 'ce-id': 'a\u0000b', 'x-half': '\ud800', 'x-\u0000': 'c', traceparent: 'a\u0000' },
  });
  const error = new Error('cannot read \u0000 and \udfff');

  await countFailure(inbox.database, event, error);
  await storeDeadLetter(inbox.database, event, error, 1);

  expect(await inbox.letters()).toMatchObject([
    {
      event_id: event.id,
      headers: { 'ce-id': 'a\ufffdb', 'x-half': '\ufffd', 'x-\ufffd': 'c' },
      error: 'cannot read \ufffd and \ufffd',
    },
  ]);
});

describe('events that are applied together', () => {
  const [first, second, third] = [eventOf(), eventOf(), eventOf()];

  /** Events ready to be applied, whose items are their positions. */
  function readyEvents(applyAll: ApplyAll<unknown>, events: readonly ReceivedEvent[], isIdempotent = false) {
    return events.map((event, item): ReadyEvent => ({ event, applyAll, item, isIdempotent }));
  }

  it('are one call of their handler, each once, in the transaction of their receipts', async () => {
    await using inbox = await openInbox();
    const calls: (readonly unknown[])[] = [];
    const applyAll: ApplyAll<unknown> = async (items) => void calls.push(items);
    await applyTogether(inbox.database, readyEvents(applyAll, [second]));
    calls.length = 0;

    const applied = await applyTogether(inbox.database, readyEvents(applyAll, [first, second, first, third]));

    expect(applied).toEqual([true, false, false, true]);
    expect(calls).toEqual([[0, 3]]);
  });

  it.each([
    { ids: 'small letters, then in capital ones', orderOf: (ids: string[]) => ids },
    { ids: 'capital letters, then in small ones', orderOf: (ids: string[]) => ids.toReversed() },
  ])('are applied, and only once, when they come with an id in $ids', async ({ orderOf }) => {
    await using inbox = await openInbox();
    const calls: (readonly unknown[])[] = [];
    const applyAll: ApplyAll<unknown> = async (items) => void calls.push(items);
    const id = randomUUID();
    const events = orderOf([id, id.toUpperCase()]).map((each) => eventOf({ id: each }));

    const applied = await applyTogether(inbox.database, readyEvents(applyAll, events));
    const again = await applyTogether(inbox.database, readyEvents(applyAll, events));

    expect([applied, again]).toEqual([
      [true, false],
      [false, false],
    ]);
    expect(calls).toEqual([[0]]);
  });

  it('are none of them recorded when the handler fails', async () => {
    await using inbox = await openInbox();
    const fail: ApplyAll<unknown> = () => Promise.reject(new Error('no'));
    const succeed: ApplyAll<unknown> = async () => undefined;

    const failing = applyTogether(inbox.database, [
      ...readyEvents(succeed, [first]),
      ...readyEvents(fail, [second, third]),
    ]);

    await expect(failing).rejects.toThrow('no');
    expect(await applyTogether(inbox.database, readyEvents(succeed, [first, second, third]))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('are neither recorded nor applied in a transaction when repeating them does no harm', async () => {
    await using inbox = await openInbox();
    const seen: unknown[] = [];
    const applyAll: ApplyAll<unknown> = async (items, transaction) => {
      const rows = await transaction.query('select 1 from inbox');
      transaction.afterCommit(() => seen.push([...items, rows.length]));
    };

    for (let time = 0; time < 2; time += 1) {
      expect(await applyTogether(inbox.database, readyEvents(applyAll, [first, second], true))).toEqual([true, true]);
    }

    expect(seen).toEqual([
      [0, 1, 0],
      [0, 1, 0],
    ]);
  });
});
