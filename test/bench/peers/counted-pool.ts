// A pool of database connections that publish their counters when they are asked to. A server process counts commits by itself and
// publishes them at most once per second, while it is used; an idle one keeps what it has counted for up to ten seconds.
import { Pool } from 'pg';

/** The signal that asks. */
export const PUBLISH_COUNTERS = 'SIGUSR2';

export function createCountedPool(connectionString: string, max: number): Pool {
  const pool = new Pool({ connectionString, max, application_name: 'bench-peers' });
  // A server that is stopped first ends idle connections.
  pool.on('error', () => undefined);
  return pool;
}

/** Publishes when this process receives the signal. */
export function publishOnSignal(pool: Pool): void {
  process.on(PUBLISH_COUNTERS, () => void publishCounters(pool));
}

/** Makes every connection of the pool publish. A connection that is lost has published already. */
export async function publishCounters(pool: Pool): Promise<void> {
  // At the same time, so that each query gets a connection of its own.
  const open = Array.from({ length: pool.totalCount }, () => pool.query('select pg_stat_force_next_flush()'));
  await Promise.allSettled(open);
}
