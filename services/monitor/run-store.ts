// All SQL about runs and their schedule.
import type { Database } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import type { JourneyName } from './journey.ts';

/** A journey that was run. */
export type Run = {
  readonly runId: string;
  readonly journey: JourneyName;
  /** Undefined while it runs. */
  readonly result: 'SUCCEEDED' | 'FAILED' | undefined;
  readonly failureReason: string;
  readonly orderId: string;
  readonly traceId: string;
  readonly startTime: Date;
  readonly durationMs: number;
};

/** How a run ended. */
export type RunEnd = Pick<Run, 'failureReason' | 'orderId' | 'durationMs'>;

export type RunStore = {
  /** Stores that a run begins; undefined when its key is taken. */
  begin(run: Pick<Run, 'runId' | 'journey' | 'traceId'>, idempotencyKey: string | undefined): Promise<Run | undefined>;
  /** Stores how a run ended, unless that is known: an empty failure reason is success. Returns the run as it is stored. */
  end(runId: string, end: RunEnd): Promise<Run>;
  findByKey(idempotencyKey: string): Promise<Run | undefined>;
  /** Ends, as failed, runs that began longer than `ageMs` ago and never ended: their monitor died. Returns them. */
  interrupt(ageMs: number, failureReason: string): Promise<Run[]>;
  /** One run more than the page holds, newest first; only ended ones. */
  list(journey: JourneyName | undefined, page: Page): Promise<Run[]>;
  /** Takes the journeys that are due, and makes them due again in `intervalMs`. One never seen is due in `firstMs`. */
  claimDue(journeys: readonly JourneyName[], intervalMs: number, firstMs: number): Promise<JourneyName[]>;
};

type RunRow = {
  run_id: string;
  journey: JourneyName;
  result: 'SUCCEEDED' | 'FAILED' | null;
  failure_reason: string;
  order_id: string;
  trace_id: string;
  start_time: Date;
  duration_ms: number | null;
};

const COLUMNS = 'run_id, journey, result, failure_reason, order_id, trace_id, start_time, duration_ms';

/** Makes the store; ages and schedule are by the database's clock. */
export function createRunStore(database: Database): RunStore {
  const find = async (condition: string, value: string): Promise<Run | undefined> => {
    const [row] = await database.query<RunRow>(`select ${COLUMNS} from run where ${condition} = $1`, [value]);
    return row && toRun(row);
  };
  return {
    begin: async ({ runId, journey, traceId }, idempotencyKey) => {
      const [row] = await database.query<RunRow>(
        `insert into run (run_id, idempotency_key, journey, trace_id) values ($1, $2, $3, $4)
         on conflict (idempotency_key) do nothing returning ${COLUMNS}`,
        [runId, idempotencyKey ?? null, journey, traceId],
      );
      return row && toRun(row);
    },

    end: async (runId, { failureReason, orderId, durationMs }) => {
      await database.query(
        `update run set result = case when $2 = '' then 'SUCCEEDED' else 'FAILED' end, failure_reason = $2, order_id = $3,
           duration_ms = $4
         where run_id = $1 and result is null`,
        [runId, failureReason, orderId, durationMs],
      );
      const stored = await find('run_id', runId);
      if (stored === undefined) throw new Error(`run ${runId} is gone`);
      return stored;
    },

    findByKey: (idempotencyKey) => find('idempotency_key', idempotencyKey),

    interrupt: async (ageMs, failureReason) => {
      const rows = await database.query<RunRow>(
        `update run set result = 'FAILED', failure_reason = $2,
           duration_ms = greatest(0, least(extract(epoch from now() - start_time) * 1000, 2147483647))::int
         where result is null and ${isDueSql("start_time + $1::float8 * interval '1 millisecond'", ageMs)} returning ${COLUMNS}`,
        [ageMs, failureReason],
      );
      return rows.map(toRun);
    },

    list: async (journey, { size, after }) => {
      const rows = await database.query<RunRow>(
        `select ${COLUMNS} from run
         where result is not null and ($1::text is null or journey = $1)
           and ($2::timestamptz is null or (start_time, run_id) < ($2::timestamptz, $3::uuid))
         order by start_time desc, run_id desc limit $4`,
        [journey ?? null, after?.[0] ?? null, after?.[1] ?? null, size + 1],
      );
      return rows.map(toRun);
    },

    claimDue: async (journeys, intervalMs, firstMs) => {
      await database.query(
        `insert into journey_schedule (journey, next_time)
         select journey, now() + $2::float8 * interval '1 millisecond' from unnest($1::text[]) as journey
         on conflict (journey) do nothing`,
        [journeys, firstMs],
      );
      const rows = await database.query<{ journey: JourneyName }>(
        `update journey_schedule set next_time = now() + $2::float8 * interval '1 millisecond'
         where journey in (
           select journey from journey_schedule
           -- The second: what another replica took a moment after this statement began is not too far ahead.
           where journey = any ($1::text[])
             and (next_time <= now() or next_time > now() + $2::float8 * interval '1 millisecond' + interval '1 second')
           for update skip locked
         ) returning journey`,
        [journeys, intervalMs],
      );
      return rows.map(({ journey }) => journey);
    },
  };
}

function toRun(row: RunRow): Run {
  return {
    runId: row.run_id,
    journey: row.journey,
    result: row.result ?? undefined,
    failureReason: row.failure_reason,
    orderId: row.order_id,
    traceId: row.trace_id,
    startTime: row.start_time,
    durationMs: row.duration_ms ?? 0,
  };
}
