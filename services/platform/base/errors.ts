// The errors every layer speaks: a kind the caller can act on, a reason a program can compare, words a person can read.
// Pure. rpc-errors.ts is the one place that maps them to the wire.

/** What a caller can do about an error; the names are those of the RPC codes they become. */
export type ErrorKind =
  | 'invalid_argument'
  | 'not_found'
  | 'failed_precondition'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'unavailable'
  | 'unimplemented';

/** One fault of one field: `field` is its path in the request, like `items[2].quantity`. */
export type FieldViolation = { readonly field: string; readonly description: string };

type DomainErrorOptions = {
  readonly violations?: readonly FieldViolation[];
  readonly retryAfterMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
};

/** A failure that was foreseen. `reason` is UPPER_SNAKE; `retryAfterMs` is set when repeating the same call can help. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly kind: ErrorKind;
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(kind: ErrorKind, reason: string, message: string, options: DomainErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.kind = kind;
    this.reason = reason;
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.metadata = options.metadata ?? {};
  }
}

/** Bad input, all of it at once. The message lists every violation. */
export function invalidArgument(violations: readonly FieldViolation[]): DomainError {
  const text = violations.map((violation) => `${violation.field}: ${violation.description}`).join('; ');
  return new DomainError('invalid_argument', 'INVALID_REQUEST', text, { violations });
}

/** Something asked for by its id is not there. */
export function notFound(reason: string, message: string): DomainError {
  return new DomainError('not_found', reason, message);
}

/** The state of things forbids the call; repeating it unchanged does not help. */
export function failedPrecondition(
  reason: string,
  message: string,
  metadata: Readonly<Record<string, string>> = {},
): DomainError {
  return new DomainError('failed_precondition', reason, message, { metadata });
}

/** The caller may not do this. */
export function permissionDenied(reason: string, message: string): DomainError {
  return new DomainError('permission_denied', reason, message);
}

/** The service cannot do this now; the same call may be repeated after `retryAfterMs` milliseconds. */
export function unavailable(reason: string, message: string, retryAfterMs: number, cause?: unknown): DomainError {
  return new DomainError('unavailable', reason, message, { retryAfterMs, cause });
}

/** The words of any thrown value, for logs and stored failures. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
