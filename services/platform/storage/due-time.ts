// When stored work is due, by the database's clock. That clock may jump back, by an operator or because another machine takes over the
// database: without the second condition, scheduled work would then wait for as long as the clock was ahead.

/**
 * SQL for "the time in `column` has come", for work that is scheduled at most `longestMs` milliseconds ahead. Work scheduled further
 * ahead than twice that is treated as due.
 */
export function isDueSql(column: string, longestMs: number): string {
  // Twice: a statement that started a moment before another replica rescheduled the work must not treat it as due.
  return `(${column} <= now() or ${column} > now() + interval '${2 * longestMs} milliseconds')`;
}
