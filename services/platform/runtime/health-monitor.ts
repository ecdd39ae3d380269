// Keeps the health status true: SERVING while the database answers, once the service has what its calls need. The broker has a health
// name of its own, `broker`.
import { type HealthRegistry, ServingStatus } from '#packages/rpc-server/index.ts';
import { pause } from '../base/backoff.ts';
import { createWorker, type Worker } from '../base/worker.ts';
import type { Broker } from '../messaging/broker.ts';
import type { Logger } from '../observability/log.ts';
import type { Database } from '../storage/database.ts';

const PERIOD_MS = 1_000;
const START_PERIOD_MS = 100;

export type HealthMonitorOptions = {
  readonly health: HealthRegistry;
  readonly database: Database;
  readonly broker: Broker;
  /** Whether the service has what its calls need. Once it has, it is not asked again. Default: it always has. */
  readonly isReady?: (() => Promise<boolean>) | undefined;
  readonly log: Logger;
};

/** Creates the loop that checks the database once a second, and ten times a second until the service is ready. */
export function createHealthMonitor({ health, database, broker, isReady, log }: HealthMonitorOptions): Worker {
  let wasUp: boolean | undefined;
  let ready = isReady === undefined;
  let serving = ready;
  // Before the port opens: no caller must find the service SERVING before the first check.
  if (!serving) health.set('', ServingStatus.NOT_SERVING);

  const reportDatabase = (failure: unknown): void => {
    if (failure !== undefined && wasUp !== false)
      log.warn({ serving: false, err: failure }, 'the database is unreachable: not serving');
    if (failure === undefined && wasUp === false) log.warn({ serving: ready }, 'the database answers again');
    wasUp = failure === undefined;
  };
  const checkReady = async (): Promise<void> => {
    if (ready || isReady === undefined || wasUp !== true) return;
    ready = await isReady();
    if (ready) log.info('has what its calls need');
  };

  return createWorker({
    name: 'health monitor',
    periodMs: PERIOD_MS,
    log,
    work: async (signal) => {
      reportDatabase(await failureOf(database));
      await checkReady();
      const up = wasUp === true && ready;
      if (up !== serving) health.set('', up ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
      serving = up;
      health.set('broker', broker.status().connected ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
      if (!ready) await pause(START_PERIOD_MS, signal);
      return !ready;
    },
  });
}

// Any error counts: a database that does not answer this query answers no query.
async function failureOf(database: Database): Promise<unknown> {
  try {
    await database.query('select 1');
    return undefined;
  } catch (error) {
    return error;
  }
}
