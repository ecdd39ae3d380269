// The SQL of runs: which are running, which have ended, and that a run ends once.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createRunStore, type Run } from '#services/monitor/run-store.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { ask, openDatabase } from '../platform/support/open-database.ts';

const SUCCESS = { failureReason: '', orderId: 'order-1', durationMs: 250 };
const FIRST_PAGE = { size: 10, after: undefined };
const INTERRUPTED = 'INTERRUPTED: the monitor stopped during the run';

async function openStore() {
  await using resources = new AsyncDisposableStack();
  const test = resources.use(await createTestDatabase('monitor'));
  const database = resources.use(openDatabase({ url: test.databaseUrl }));
  const owned = resources.move();
  const store = createRunStore(database);
  return {
    store,
    sql: <Row>(text: string) => ask<Row>(test.superuserUrl, text),
    /** Begins a run of ORDER that started `ageMs` ago. */
    begin: async ({ ageMs = 0, key = undefined as string | undefined } = {}): Promise<Run> => {
      const run = await store.begin({ runId: randomUUID(), journey: 'ORDER', traceId: 'trace' }, key);
      if (run === undefined) throw new Error(`the key ${key} is taken`);
      await ask(
        test.superuserUrl,
        `update run set start_time = start_time - $1 * interval '1 millisecond' where run_id = $2`,
        [ageMs, run.runId],
      );
      return run;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe('a run', () => {
  it('is listed only after its end, and found by its key from its start', async () => {
    await using open = await openStore();
    const running = await open.begin({ key: 'key-1' });
    const ended = await open.begin();
    await open.store.end(ended.runId, SUCCESS);

    expect((await open.store.list(undefined, FIRST_PAGE)).map(({ runId }) => runId)).toEqual([ended.runId]);
    expect(await open.store.findByKey('key-1')).toMatchObject({ runId: running.runId, result: undefined });
  });

  it('that was interrupted stays failed when its process ends it later', async () => {
    await using open = await openStore();
    const { runId } = await open.begin({ ageMs: 60_000 });
    const [interrupted] = await open.store.interrupt(20_000, INTERRUPTED);

    const stored = await open.store.end(runId, SUCCESS);

    expect(interrupted).toMatchObject({ runId, result: 'FAILED', failureReason: INTERRUPTED, orderId: '' });
    expect(stored).toEqual(interrupted);
    expect(await open.store.list(undefined, FIRST_PAGE)).toEqual([interrupted]);
  });

  it('that has ended keeps its first end', async () => {
    await using open = await openStore();
    const { runId } = await open.begin();
    const first = await open.store.end(runId, SUCCESS);

    const second = await open.store.end(runId, { failureReason: 'TOO_SLOW: ...', orderId: 'other', durationMs: 9 });

    expect(first).toMatchObject({ result: 'SUCCEEDED', ...SUCCESS });
    expect(second).toEqual(first);
  });

  it('is interrupted only when it is running for longer than a run may take', async () => {
    await using open = await openStore();
    await open.begin({ ageMs: 60_000 });
    const ended = await open.begin({ ageMs: 7_200_000 });
    await open.store.end(ended.runId, SUCCESS);
    const crashed = await open.begin({ ageMs: 7_200_000 });

    const interrupted = await open.store.interrupt(3_600_000, INTERRUPTED);

    expect(interrupted.map(({ runId }) => runId)).toEqual([crashed.runId]);
    expect(interrupted[0]?.durationMs).toBeGreaterThanOrEqual(7_200_000);
    expect(await open.store.interrupt(3_600_000, INTERRUPTED)).toEqual([]);
  });

  it('is not begun when its key is taken', async () => {
    await using open = await openStore();
    await open.begin({ key: 'key-1' });

    expect(
      await open.store.begin({ runId: randomUUID(), journey: 'QUOTE', traceId: 'trace' }, 'key-1'),
    ).toBeUndefined();
    expect(await open.sql('select journey from run')).toEqual([{ journey: 'ORDER' }]);
  });
});

describe('a claim of due journeys', () => {
  it('takes each of them once, however many replicas claim at once', async () => {
    await using open = await openStore();
    const claim = () => open.store.claimDue(['ORDER', 'QUOTE'], 3_600_000, 3_600_000);
    const first = await claim();
    await open.sql(`update journey_schedule set next_time = now() - interval '1 second'`);

    const claims = await Promise.all([claim(), claim(), claim()]);

    expect(first).toEqual([]);
    expect(claims.flat().sort()).toEqual(['ORDER', 'QUOTE']);
    expect(await claim()).toEqual([]);
  });
});
