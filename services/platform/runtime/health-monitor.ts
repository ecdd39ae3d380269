// Keeps the health status true: SERVING while the database answers. The broker has a health name of its own, `broker`.
import { type HealthRegistry, ServingStatus } from '#packages/rpc-server/index.ts';
import { createWorker, type Worker } from '../base/worker.ts';
import type { Broker } from '../messaging/broker.ts';
import type { Logger } from '../observability/log.ts';
import type { Database } from '../storage/database.ts';

const PERIOD_MS = 1_000;

export type HealthMonitorOptions = {
  readonly health: HealthRegistry;
  readonly database: Database;
  readonly broker: Broker;
  readonly log: Logger;
};

/** Creates the loop that checks the database once a second. */
export function createHealthMonitor({ health, database, broker, log }: HealthMonitorOptions): Worker {
  let serving: boolean | undefined;
  return createWorker({
    name: 'health monitor',
    periodMs: PERIOD_MS,
    log,
    work: async () => {
      const failure = await failureOf(database);
      const up = failure === undefined;
      if (serving !== up) {
        if (failure !== undefined) log.warn({ serving: up, err: failure }, 'the database is unreachable: not serving');
        else if (serving !== undefined) log.warn({ serving: up }, 'the database answers again: serving');
        health.set('', up ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
        serving = up;
      }
      health.set('broker', broker.status().connected ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
      return false;
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
