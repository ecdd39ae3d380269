// The reason of a failure, as text.

/** Returns the message of an error; any other thrown value as text. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
