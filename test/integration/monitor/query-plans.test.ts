// What the statements of the monitor service read when it has many runs.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createRunStore, RUN_PRUNE_RULE, type RunStore } from '#services/monitor/run-store.ts';
import { prune } from '#services/platform/storage/pruner.ts';
import { useQueryPlans } from '../platform/support/query-plans.ts';

// The only journey on request, QUOTE, ran before all others.
const plans = useQueryPlans('monitor', [
  `insert into run (run_id, idempotency_key, journey, result, start_time, duration_ms)
    select gen_random_uuid(), 'key-' || n, case when n > 19900 then 'QUOTE' else 'ORDER' end, 'SUCCEEDED',
      now() - n * interval '1 minute', 20
    from generate_series(1, 20000) as n`,
]);

const store = () => createRunStore(plans.database);

async function begin(key?: string): Promise<string> {
  const runId = randomUUID();
  await store().begin({ runId, journey: 'ORDER', traceId: 'trace' }, key);
  return runId;
}

const statements: Record<keyof RunStore, () => Promise<unknown>> = {
  begin: () => begin(randomUUID()),
  end: async () => store().end(await begin(), { failureReason: '', orderId: 'order-1', durationMs: 20 }),
  findByKey: () => store().findByKey('key-77'),
  interrupt: () => store().interrupt(60_000, 'interrupted'),
  list: async () => {
    for (const after of [undefined, [new Date().toISOString(), randomUUID()]]) {
      await store().list(undefined, { size: 50, after });
      await store().list('QUOTE', { size: 50, after });
    }
  },
  claimDue: () => store().claimDue(['ORDER', 'QUOTE'], 60_000, 1_000),
};

describe('with many runs', () => {
  it.each(Object.entries(statements))('%s reads few of them', async (_, run) => {
    expect(await plans.findScans(run)).toEqual([]);
  });

  it.each(Object.entries(statements))(
    '%s would be read by an index too if its plan was made on empty tables',
    async (_, run) => {
      expect(await plans.findUnboundScans(run)).toEqual([]);
    },
  );

  it('looking for runs to prune when there is none reads none of them', async () => {
    expect(await plans.findScans(async () => expect(await prune(plans.database, RUN_PRUNE_RULE)).toBe(0))).toEqual([]);
  });
});
