// The error of a call to a dependency, classified by what can be done about it rather than by transport code.
import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import type { CallFailure } from '../base/call-failure.ts';
import type { Outcome } from './breaker.ts';

export type { CallFailure };

const DESCRIPTIONS: Readonly<Record<CallFailure, string>> = {
  timeout: 'did not answer in time',
  unreachable: 'could not be reached',
  internal: 'answered with an internal error',
  unreadable: 'sent an answer that cannot be read',
  not_understood: 'did not understand the request',
  circuit_open: 'was not called: its circuit breaker is open',
  overloaded: 'sheds load',
  not_called: 'was not called: too little time was left',
  refused: 'refused',
  cancelled: 'was not waited for: the caller gave up',
};

export type DependencyErrorOptions = {
  readonly dependency: string;
  readonly failure: CallFailure;
  /** The UPPER_SNAKE_CASE reason of a refusal, or of a failure behind the dependency. */
  readonly reason?: string | undefined;
  /** Follows the dependency's name in the message; by default the words for `failure`. */
  readonly description?: string | undefined;
  readonly cause?: unknown;
  /** How long the dependency asks to wait before a retry, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** What the breaker takes the call for, in place of what its kind says. */
  readonly countsAs?: Outcome | undefined;
};

/** A failed call to a dependency. The message may be shown to clients; the transport's own message is that of the cause. */
export class DependencyError extends Error {
  override readonly name = 'DependencyError';
  readonly dependency: string;
  readonly failure: CallFailure;
  /** Empty unless the dependency refused, or reported a failure behind it. */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  readonly countsAs: Outcome | undefined;

  constructor(options: DependencyErrorOptions) {
    const { dependency, failure, reason = '', description = DESCRIPTIONS[failure], cause } = options;
    super(`${dependency} ${description}`, cause === undefined ? {} : { cause });
    this.dependency = dependency;
    this.failure = failure;
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
    this.countsAs = options.countsAs;
  }
}

/**
 * Classifies what a call threw.
 * @param isCancelled whether our own caller had given up by then.
 * @param healthyReasons the reasons that only a healthy dependency reports.
 */
export function toDependencyError(
  dependency: string,
  thrown: unknown,
  isCancelled: boolean,
  healthyReasons: readonly string[] = [],
): DependencyError {
  if (thrown instanceof DependencyError) return thrown;
  const cause = ConnectError.from(thrown);
  const failure = isCancelled ? 'cancelled' : classify(cause);
  const reason = cause.findDetails(ErrorInfoSchema)[0]?.reason;
  if (failure !== 'refused') {
    const isBehind = !isCancelled && healthyReasons.includes(reason ?? '');
    const known = isBehind ? ({ reason, countsAs: 'success' } as const) : {};
    return new DependencyError({ dependency, failure, cause, retryAfterMs: retryAfterMs(cause), ...known });
  }
  return new DependencyError({ dependency, failure, reason, description: `refused: ${cause.rawMessage}`, cause });
}

function retryAfterMs(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && durationMs(delay);
}

function classify(error: ConnectError): CallFailure {
  const { code, cause } = error;
  // The client library reports a connection that breaks while the request is written as `internal`; the dependency did not answer so.
  if (code === Code.Internal && isTransportFailure(cause)) return 'unreachable';
  switch (code) {
    case Code.DeadlineExceeded:
      return 'timeout';
    // A connection reset during the call shows as aborted over HTTP/1.1 and as canceled over HTTP/2.
    case Code.Unavailable:
    case Code.Aborted:
    case Code.Canceled:
      return 'unreachable';
    case Code.ResourceExhausted:
      return 'overloaded';
    case Code.NotFound:
    case Code.AlreadyExists:
    case Code.FailedPrecondition:
    case Code.PermissionDenied:
    case Code.Unauthenticated:
      return 'refused';
    default:
      return classifyByOrigin(error);
  }
}

// A call that is reset without an error before its answer begins has only this message: no cause, no HTTP status.
const LOST_ANSWER = /^http\/2 stream closed with error code .+ before the response was received$/;

// The client library uses the remaining codes for answers it cannot read as well: only a code that came over the wire was sent by the
// dependency. An answer without an error of the protocol has only its HTTP status.
function classifyByOrigin({ code, isWireError, rawMessage }: ConnectError): CallFailure {
  if (!isWireError) {
    if (LOST_ANSWER.test(rawMessage)) return 'unreachable';
    const status = /^HTTP ([45])\d\d$/.exec(rawMessage)?.[1];
    if (status === undefined) return 'unreadable';
    return status === '4' ? 'not_understood' : 'internal';
  }
  switch (code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
    case Code.Unimplemented:
      return 'not_understood';
    default:
      return 'internal';
  }
}

// What OpenSSL says of a certificate that it does not accept. Nothing was sent then.
const CERTIFICATE_CODE = /CERT|UNABLE_TO|INVALID_CA|INVALID_PURPOSE/;

function isTransportFailure(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { code?: unknown }).code;
  if (typeof code === 'string' && /^(E[A-Z]+|ERR_(HTTP2|STREAM|SOCKET|SSL|TLS)_\w+)$/.test(code)) return true;
  if (CERTIFICATE_CODE.test(String(code))) return true;
  return isTransportFailure(cause.cause);
}
