// How a call to a neighbour failed, told by what can be done about it rather than by transport codes.
import { durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import type { CallFailure } from '../base/call-failure.ts';

export type { CallFailure };

const WORDS: Readonly<Record<CallFailure, string>> = {
  timeout: 'did not answer in time',
  unreachable: 'could not be reached',
  internal: 'answered with an internal error',
  unreadable: 'gave an answer that cannot be read',
  not_understood: 'did not understand the request',
  circuit_open: 'was not called: its circuit breaker is open',
  overloaded: 'sheds load',
  not_called: 'was not called: too little time was left',
  refused: 'refused',
  cancelled: 'was not waited for: the caller gave up',
};

/** A failed call to a neighbour. The message is fit for clients; what the transport said is the cause. */
export class DependencyError extends Error {
  override readonly name = 'DependencyError';
  readonly dependency: string;
  readonly failure: CallFailure;
  /** The UPPER_SNAKE reason of a refusal; empty otherwise. */
  readonly reason: string;
  /** How long the neighbour asks to wait before a repeat, in milliseconds; undefined when it does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(
    dependency: string,
    failure: CallFailure,
    reason = '',
    words = WORDS[failure],
    cause?: unknown,
    retryAfterMs?: number,
  ) {
    super(`${dependency} ${words}`, cause === undefined ? {} : { cause });
    this.dependency = dependency;
    this.failure = failure;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Sorts what a call threw; `cancelled` tells whether our own caller had given up. */
export function toDependencyError(dependency: string, thrown: unknown, cancelled: boolean): DependencyError {
  if (thrown instanceof DependencyError) return thrown;
  const error = ConnectError.from(thrown);
  const failure = cancelled ? 'cancelled' : classify(error);
  if (failure !== 'refused') return new DependencyError(dependency, failure, '', undefined, error, retryAfterMs(error));
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
  return new DependencyError(dependency, failure, reason, `refused: ${error.rawMessage}`, error);
}

function retryAfterMs(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && durationMs(delay);
}

function classify(error: ConnectError): CallFailure {
  const { code, cause } = error;
  // A connection that breaks while a request is written is `internal` to the client library; nobody answered so.
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

// The client library gives the codes that are left to answers it cannot read, too: only what came over the wire is the neighbour's
// word, and the status of an answer that holds no error of the protocol.
function classifyByOrigin({ code, isWireError, rawMessage }: ConnectError): CallFailure {
  if (!isWireError) {
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

function isTransportFailure(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { code?: unknown }).code;
  if (typeof code === 'string' && /^(E[A-Z]+|ERR_(HTTP2|STREAM|SOCKET|SSL|TLS)_\w+)$/.test(code)) return true;
  return isTransportFailure(cause.cause);
}
