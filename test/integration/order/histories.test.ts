// Random histories of orders: a verdict never changes, and no stock, charge or event is lost or duplicated.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDatabase } from '#services/platform/storage/database.ts';
import { checkHistories, historyRuns, historyTimeoutMs } from '../../support/histories.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { silentLog } from '../../support/services/order-builders.ts';
import { histories } from './history.ts';
import { findBrokenPromises } from './history-checks.ts';
import { runHistory } from './history-run.ts';

const RUNS = historyRuns(50);

describe('orders, through every history of calls, cancellations, refunds, losses and crashes', () => {
  it(
    'keep every promise once nothing is left to do',
    async () => {
      await using resources = new AsyncDisposableStack();
      const { databaseUrl } = resources.use(await createTestDatabase('order'));
      const database = createDatabase({ url: databaseUrl, size: 4, timeoutMs: 10_000, log: silentLog });
      resources.defer(() => database.close());

      const property = fc.asyncProperty(histories, async (history) => {
        const account = await runHistory(database, history);
        expect(await findBrokenPromises(database, account)).toEqual([]);
      });

      await checkHistories('test/integration/order/histories.test.ts', property, RUNS);
    },
    historyTimeoutMs(RUNS),
  );
});
