import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPruner, MESSAGING_RULES } from '#services/platform/storage/pruner.ts';
import { createFakeDatabase } from '../support/fake-database.ts';
import { recordLog } from '../support/recorded-log.ts';

const rule = { table: 'idempotency_key', time: 'create_time', windowMs: 60_000 };
const DAY_MS = 86_400_000;

/** A pruner whose statements delete as many rows as the list says, then none. */
async function startPruner(deletions: number[], rules = [rule]) {
  const database = createFakeDatabase(() => Array.from({ length: deletions.shift() ?? 0 }, () => ({})));
  const pruner = createPruner(database, rules, recordLog().log);
  await pruner.start();
  await vi.advanceTimersByTimeAsync(0);
  return { database, pruner, [Symbol.asyncDispose]: pruner.stop };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a pruner', () => {
  it('deletes what is older than its window, a bounded batch a statement', async () => {
    await using test = await startPruner([3]);

    expect(test.database.statements).toHaveLength(1);
    const [statement] = test.database.statements;
    expect(statement?.text).toMatch(/^delete from idempotency_key where ctid = any/);
    expect(statement?.text).toMatch(/ order by create_time limit 1000 /);
    expect(statement?.values).toEqual([60_000]);
  });

  it('continues at once after a full batch and waits a minute after a smaller one', async () => {
    await using test = await startPruner([1_000, 1_000, 999]);
    expect(test.database.statements).toHaveLength(3);

    await vi.advanceTimersByTimeAsync(59_999);
    expect(test.database.statements).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);

    expect(test.database.statements).toHaveLength(4);
  });

  it('applies every rule in turn, also when an earlier one has more to do', async () => {
    await using test = await startPruner([1_000, 0, 0, 0], [rule, { ...rule, table: 'quote' }]);

    const tables = test.database.statements.map(({ text }) => text.split(' ')[2]);
    expect(tables).toEqual(['idempotency_key', 'quote', 'idempotency_key', 'quote']);
  });
});

describe('the rules of every service', () => {
  it('forget published events, receipts and counted failures', () => {
    expect(MESSAGING_RULES.map(({ table, time }) => `${table}.${time}`)).toEqual([
      'outbox.sent_time',
      'inbox.receive_time',
      'event_failure.update_time',
    ]);
  });

  it('keep a receipt longer than the 30 days in which its event can come again', () => {
    const receipts = MESSAGING_RULES.find(({ table }) => table === 'inbox');

    expect(receipts?.windowMs).toBeGreaterThan(30 * DAY_MS);
  });
});
