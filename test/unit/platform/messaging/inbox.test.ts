// How events that arrive together are applied: which share a transaction, a receipt and a call of their handler.
import { describe, expect, it, vi } from 'vitest';
import type { ApplyAll } from '#services/platform/messaging/event-handler.ts';
import { applyTogether, prepareEvent, type ReadyEvent, recordReceipt } from '#services/platform/messaging/inbox.ts';
import { createFakeDatabase } from '../support/fake-database.ts';

const IDS = ['00000000-0000-4000-8000-00000000000c', '00000000-0000-4000-8000-00000000000a'] as const;

/** A database that knows these events, and records all others. */
function createInbox(known: readonly string[] = []) {
  return createFakeDatabase(({ text, values }) => {
    if (!text.includes('insert into inbox')) return [];
    return [...new Set(values.at(-1) as string[])].filter((id) => !known.includes(id)).map((id) => ({ id }));
  });
}

const eventOf = (id: string, applyAll: ApplyAll<unknown>, changes: Partial<ReadyEvent> = {}): ReadyEvent => ({
  event: { stream: 'SHOP_ORDER', id },
  applyAll,
  item: id,
  isIdempotent: false,
  ...changes,
});

describe('events applied together', () => {
  it('are recorded by one statement, in the order of their ids, with the failures that this ends', async () => {
    const database = createInbox();

    await applyTogether(
      database,
      IDS.map((id) => eventOf(id, async () => undefined)),
    );

    expect(database.transactions).toEqual(['committed']);
    expect(database.statements).toHaveLength(1);
    expect(database.statements[0]?.values).toEqual([['SHOP_ORDER', 'SHOP_ORDER'], IDS, IDS.toSorted()]);
  });

  it('are passed to each handler in one call, without those that change nothing or were applied before', async () => {
    const [first, second] = [vi.fn<ApplyAll<unknown>>(), vi.fn<ApplyAll<unknown>>()];
    const [known, fresh] = IDS;

    const applied = await applyTogether(createInbox([known]), [
      eventOf(known, first),
      eventOf(fresh, first, { item: 'one' }),
      eventOf('00000000-0000-4000-8000-00000000000e', first, { item: 'two' }),
      eventOf('00000000-0000-4000-8000-00000000000f', second, { item: undefined }),
    ]);

    expect(applied).toEqual([false, true, true, true]);
    expect(first.mock.calls.map(([items]) => items)).toEqual([['one', 'two']]);
    expect(second).not.toHaveBeenCalled();
  });

  it('are neither recorded nor in a transaction when they are idempotent, and do what is left afterwards', async () => {
    const database = createInbox();
    const seen: string[] = [];
    const wake: ApplyAll<unknown> = async (_items, transaction) => {
      transaction.afterCommit(() => seen.push('woken'));
      await transaction.query('update orders', []);
      seen.push('updated');
    };

    const applied = await applyTogether(database, [
      eventOf(IDS[0], wake, { isIdempotent: true }),
      eventOf(IDS[1], wake, { isIdempotent: true }),
    ]);

    expect(applied).toEqual([true, true]);
    expect(database.transactions).toEqual([]);
    expect(database.statements.map(({ text }) => text)).toEqual(['update orders']);
    expect(seen).toEqual(['updated', 'woken']);
  });

  it('that are of both kinds are applied each in its way', async () => {
    const database = createInbox();
    const [idempotent, other] = [vi.fn<ApplyAll<unknown>>(), vi.fn<ApplyAll<unknown>>()];

    await applyTogether(database, [eventOf(IDS[0], other), eventOf(IDS[1], idempotent, { isIdempotent: true })]);

    expect(idempotent.mock.calls.map(([items]) => items)).toEqual([[IDS[1]]]);
    expect(other.mock.calls.map(([items]) => items)).toEqual([[IDS[0]]]);
    expect(database.statements[0]?.values.at(-1)).toEqual([IDS[0]]);
    expect(database.transactions).toEqual(['committed']);
  });
});

it.each([true, false])(
  'an event for a handler of many is read once, before it is applied; idempotent: %s',
  (isIdempotent) => {
    const applyAll = vi.fn<ApplyAll<unknown>>();
    const event = {
      stream: 'SHOP_ORDER',
      id: IDS[0],
      subject: 'shop.order.v1.OrderCreated',
      payload: new Uint8Array(3),
    };
    const batch = { read: (payload: Uint8Array) => payload.length, applyAll, isIdempotent };

    const ready = prepareEvent(event as never, { subject: event.subject, apply: vi.fn(), batch } as never);

    expect(ready).toEqual({ event, applyAll, item: 3, isIdempotent });
    expect(applyAll).not.toHaveBeenCalled();
  },
);

it('a receipt is new unless the event was applied before', async () => {
  const event = { stream: 'SHOP_ORDER', id: IDS[0] };
  const record = (known: readonly string[]) =>
    createInbox(known).transaction((transaction) => recordReceipt(transaction, event));

  expect([await record([]), await record([IDS[0]])]).toEqual([true, false]);
});
