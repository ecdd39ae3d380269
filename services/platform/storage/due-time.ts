// When stored work is due, by the database's clock. That clock may be set back, by hand or because another machine takes the
// database over: what then lies further ahead than work is ever put off would wait as long as the clock was wrong.

/**
 * SQL for "the time in `column` has come", for work that is put off by at most `longestMs` milliseconds: it is past, or further
 * ahead than twice that.
 */
export function isDueSql(column: string, longestMs: number): string {
  // Twice: a statement that began a moment before another one took the work must not see that as far ahead.
  return `(${column} <= now() or ${column} > now() + interval '${2 * longestMs} milliseconds')`;
}
