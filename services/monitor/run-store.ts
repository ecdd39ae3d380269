// The SQL of journey runs and their schedule.
import type { Database } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import type { PruneRule } from '../platform/storage/pruner.ts';
import { joinSql, milliseconds, rawSql, type Sql, sql } from '../platform/storage/sql.ts';
import type { JourneyName } from './journey.ts';

/** Ended runs are listed for 30 days. One that never ends is ended as interrupted. */
export const RUN_PRUNE_RULE: PruneRule = {
  table: 'run',
  time: 'start_time',
  windowMs: 30 * 24 * 60 * 60 * 1_000,
  where: 'result is not null',
};

/** A run of a journey. */
export type Run = {
  readonly runId: string;
  readonly journey: JourneyName;
  /** Undefined until the run ends. */
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
  /** Inserts a run; undefined when its key is taken. */
  begin(run: Pick<Run, 'runId' | 'journey' | 'traceId'>, idempotencyKey: string | undefined): Promise<Run | undefined>;
  /** Stores the end of a run, unless it has ended: an empty failure reason is a success. Returns the stored run. */
  end(runId: string, end: RunEnd): Promise<Run>;
  findByKey(idempotencyKey: string): Promise<Run | undefined>;
  /** Ends as failed the runs that started more than `ageMs` ago and never ended, because their process crashed. Returns them. */
  interrupt(ageMs: number, failureReason: string): Promise<Run[]>;
  /** Reads the page of ended runs and one row more, newest first. */
  list(journey: JourneyName | undefined, page: Page): Promise<Run[]>;
  /** Claims the due journeys: each is due again in `intervalMs`. A journey that has no schedule yet is first due in `firstMs`. */
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

const COLUMNS = rawSql('run_id, journey, result, failure_reason, order_id, trace_id, start_time, duration_ms');

/** Creates the store; ages and schedule are by the database's clock. */
export function createRunStore(database: Database): RunStore {
  const find = async (condition: Sql): Promise<Run | undefined> => {
    const [row] = await database.query<RunRow>(sql`select ${COLUMNS} from run where ${condition}`);
    return row && toRun(row);
  };
  return {
    begin: async ({ runId, journey, traceId }, idempotencyKey) => {
      const [row] = await database.query<RunRow>(
        sql`insert into run (run_id, idempotency_key, journey, trace_id)
          values (${runId}, ${idempotencyKey ?? null}, ${journey}, ${traceId})
          on conflict (idempotency_key) do nothing returning ${COLUMNS}`,
      );
      return row && toRun(row);
    },

    end: async (runId, { failureReason, orderId, durationMs }) => {
      await database.query(
        sql`update run set result = ${failureReason === '' ? 'SUCCEEDED' : 'FAILED'}, failure_reason = ${failureReason},
            order_id = ${orderId}, duration_ms = ${durationMs}
          where run_id = ${runId} and result is null`,
      );
      const stored = await find(sql`run_id = ${runId}`);
      if (stored === undefined) throw new Error(`run ${runId} does not exist`);
      return stored;
    },

    findByKey: (idempotencyKey) => find(sql`idempotency_key = ${idempotencyKey}`),

    interrupt: async (ageMs, failureReason) => {
      const isOver = rawSql(isDueSql(`start_time + interval '${ageMs} milliseconds'`, ageMs));
      const rows = await database.query<RunRow>(
        sql`update run set result = 'FAILED', failure_reason = ${failureReason},
            duration_ms = greatest(0, least(extract(epoch from now() - start_time) * 1000, 2147483647))::int
          where result is null and ${isOver} returning ${COLUMNS}`,
      );
      return rows.map(toRun);
    },

    list: async (journey, { size, after }) => {
      const conditions = [sql`result is not null`];
      // Not a parameter: a plan for any journey would read the runs of all of them to find those of a rare one.
      if (journey !== undefined) conditions.push(sql`journey = '${rawSql(journey)}'`);
      if (after !== undefined) {
        const [time, runId] = after;
        conditions.push(sql`(start_time, run_id) < (${time}::timestamptz, ${runId}::uuid)`);
      }
      const rows = await database.query<RunRow>(
        sql`select ${COLUMNS} from run where ${joinSql(conditions, ' and ')}
          order by start_time desc, run_id desc limit ${size + 1}`,
      );
      return rows.map(toRun);
    },

    claimDue: async (journeys, intervalMs, firstMs) => {
      await database.query(
        sql`insert into journey_schedule (journey, next_time)
          select journey, now() + ${milliseconds(firstMs)} from unnest(${journeys}::text[]) as journey
          on conflict (journey) do nothing`,
      );
      const rows = await database.query<{ journey: JourneyName }>(
        // One second of tolerance: a claim of another replica committed after this statement started must not look too far ahead.
        sql`update journey_schedule set next_time = now() + ${milliseconds(intervalMs)}
          where journey in (
            select journey from journey_schedule
            where journey = any (${journeys}::text[])
              and (next_time <= now() or next_time > now() + ${milliseconds(intervalMs)} + interval '1 second')
            for update skip locked
          ) returning journey`,
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
