// The errors that every layer uses: a kind the caller can act on, a reason a program can compare, a message a person can read.
// Pure. rpc-errors.ts is the only file that maps them to the wire.
import { describeViolations } from './error-limits.ts';

/** What a caller can do about an error; the names are those of the RPC codes they become. */
export type ErrorKind =
  | 'invalid_argument'
  | 'not_found'
  | 'failed_precondition'
  | 'unauthenticated'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'unavailable'
  | 'unimplemented';

/** After how long the same call may be retried, where the error knows no better value. */
export const DEFAULT_RETRY_AFTER_MS = 1_000;

/** One fault of one field: `field` is its path in the request, like `items[2].quantity`. */
export type FieldViolation = { readonly field: string; readonly description: string };

export type DomainErrorOptions = {
  readonly kind: ErrorKind;
  /** UPPER_SNAKE_CASE. */
  readonly reason: string;
  readonly message: string;
  readonly violations?: readonly FieldViolation[];
  /** Set when retrying the same call can help. */
  readonly retryAfterMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
};

/** A failure that a caller is meant to see and to act on. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly kind: ErrorKind;
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(options: DomainErrorOptions) {
    super(options.message, options.cause === undefined ? {} : { cause: options.cause });
    this.kind = options.kind;
    this.reason = options.reason;
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.metadata = options.metadata ?? {};
  }
}

/** Bad input, with all its violations. The message lists the first ones, as many as fit. */
export function invalidArgument(violations: readonly FieldViolation[]): DomainError {
  const message = describeViolations(violations);
  return new DomainError({ kind: 'invalid_argument', reason: 'INVALID_REQUEST', message, violations });
}

/** Nothing has the requested id. */
export function notFound(reason: string, message: string): DomainError {
  return new DomainError({ kind: 'not_found', reason, message });
}

/** The current state forbids the call; retrying it unchanged does not help. */
export function failedPrecondition(
  reason: string,
  message: string,
  metadata: Readonly<Record<string, string>> = {},
): DomainError {
  return new DomainError({ kind: 'failed_precondition', reason, message, metadata });
}

/** The caller has shown no credentials, or wrong ones. */
export function unauthenticated(reason: string, message: string, cause?: unknown): DomainError {
  return new DomainError({ kind: 'unauthenticated', reason, message, cause });
}

/** The caller may not do this. */
export function permissionDenied(reason: string, message: string): DomainError {
  return new DomainError({ kind: 'permission_denied', reason, message });
}

/** The service cannot do this now; the same call may be retried after `retryAfterMs` milliseconds. */
export function unavailable({
  retryAfterMs = DEFAULT_RETRY_AFTER_MS,
  ...options
}: Pick<DomainErrorOptions, 'reason' | 'message' | 'retryAfterMs' | 'cause'>): DomainError {
  return new DomainError({ kind: 'unavailable', retryAfterMs, ...options });
}

/** The message of any thrown value, for logs and stored failures. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
