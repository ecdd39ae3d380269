// The only file that maps errors to what a client sees: a code, google.rpc details, and no internal information.
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import type { Domain } from '../base/domain.ts';
import { limitError } from '../base/error-limits.ts';
import { DEFAULT_RETRY_AFTER_MS, DomainError, type ErrorKind } from '../base/errors.ts';
import { DependencyError } from '../client/dependency-error.ts';

const CODES: Readonly<Record<ErrorKind, Code>> = {
  invalid_argument: Code.InvalidArgument,
  not_found: Code.NotFound,
  failed_precondition: Code.FailedPrecondition,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  unimplemented: Code.Unimplemented,
};

/** Maps what a handler threw. An unexpected error becomes `internal` without its message, which may contain secrets. */
export function toConnectError(error: unknown, domain: Domain): ConnectError {
  if (error instanceof DomainError) return fromDomainError(error, domain);
  if (error instanceof DependencyError) return fromDependencyError(error, domain);
  if (error instanceof ConnectError) return error;
  return new ConnectError('internal error', Code.Internal, undefined, undefined, error);
}

function fromDomainError(error: DomainError, { domain }: Domain): ConnectError {
  const { reason } = error;
  const { message, violations, metadata } = limitError(error);
  const details: ConnectError['details'] = [
    { desc: ErrorInfoSchema, value: { reason, domain, metadata: { ...metadata } } },
  ];
  if (violations.length > 0) {
    details.push({
      desc: BadRequestSchema,
      value: { fieldViolations: violations.map((violation) => ({ ...violation })) },
    });
  }
  if (error.retryAfterMs !== undefined) details.push(retryInfo(error.retryAfterMs));
  return new ConnectError(message, CODES[error.kind], undefined, outgoing(details), error);
}

// A dependency's failure that the use case did not handle: its message is only logged.
function fromDependencyError(error: DependencyError, { domain }: Domain): ConnectError {
  const reason = `${error.dependency.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}_UNAVAILABLE`;
  const details: ConnectError['details'] = [
    { desc: ErrorInfoSchema, value: { reason, domain } },
    retryInfo(DEFAULT_RETRY_AFTER_MS),
  ];
  return new ConnectError(
    `${error.dependency} is not available now`,
    Code.Unavailable,
    undefined,
    outgoing(details),
    error,
  );
}

function retryInfo(afterMs: number) {
  const wholeMs = Math.ceil(afterMs); // A fraction would give nanoseconds that are no integer, which cannot be serialized.
  const retryDelay = { seconds: BigInt(Math.floor(wholeMs / 1_000)), nanos: (wholeMs % 1_000) * 1_000_000 };
  return { desc: RetryInfoSchema, value: { retryDelay } };
}

type OutgoingDetails = NonNullable<ConstructorParameters<typeof ConnectError>[3]>;

function outgoing(details: ConnectError['details']): OutgoingDetails {
  return details as OutgoingDetails;
}
