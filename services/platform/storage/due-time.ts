// When stored work is due, by the database's clock. That clock may jump back, by an operator or because another machine takes over the
// database: without the second condition, scheduled work would then wait for as long as the clock was ahead.
import { rawSql, type Sql, sql } from './sql.ts';

/**
 * A condition for "the time in `column` has come", for work that is scheduled at most `longestMs` milliseconds ahead. Work scheduled
 * further ahead than twice that is treated as due.
 */
export function isDue(column: Sql, longestMs: number): Sql {
  // Twice: a statement that started a moment before another replica rescheduled the work must not treat it as due.
  const limit = rawSql(`interval '${2 * longestMs} milliseconds'`);
  return sql`(${column} <= now() or ${column} > now() + ${limit})`;
}

/** The same as text, for statements with numbered parameters. */
export function isDueSql(column: string, longestMs: number): string {
  return `(${column} <= now() or ${column} > now() + interval '${2 * longestMs} milliseconds')`;
}
