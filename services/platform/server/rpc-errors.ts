// The one place where errors become what a client sees: a code, google.rpc details, and nothing that was not meant for it.
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { DomainError, type ErrorKind } from '../base/errors.ts';
import { DependencyError } from '../client/dependency-error.ts';

const DOMAIN = 'shop';
const DEPENDENCY_RETRY_AFTER_MS = 1_000;

const CODES: Readonly<Record<ErrorKind, Code>> = {
  invalid_argument: Code.InvalidArgument,
  not_found: Code.NotFound,
  failed_precondition: Code.FailedPrecondition,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  unimplemented: Code.Unimplemented,
};

/** Maps whatever a handler threw. An error nobody foresaw becomes `internal` with no words of its own. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof DomainError) return fromDomainError(error);
  if (error instanceof DependencyError) return fromDependencyError(error);
  if (error instanceof ConnectError) return error;
  return new ConnectError('internal error', Code.Internal, undefined, undefined, error);
}

function fromDomainError(error: DomainError): ConnectError {
  const details: ConnectError['details'] = [
    { desc: ErrorInfoSchema, value: { reason: error.reason, domain: DOMAIN, metadata: { ...error.metadata } } },
  ];
  if (error.violations.length > 0) {
    details.push({
      desc: BadRequestSchema,
      value: { fieldViolations: error.violations.map((violation) => ({ ...violation })) },
    });
  }
  if (error.retryAfterMs !== undefined) details.push(retryInfo(error.retryAfterMs));
  return new ConnectError(error.message, CODES[error.kind], undefined, outgoing(details), error);
}

// A neighbour's failure that no use case made its own: its words stay in the log.
function fromDependencyError(error: DependencyError): ConnectError {
  const reason = `${error.dependency.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}_UNAVAILABLE`;
  const details: ConnectError['details'] = [
    { desc: ErrorInfoSchema, value: { reason, domain: DOMAIN } },
    retryInfo(DEPENDENCY_RETRY_AFTER_MS),
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
  const wholeMs = Math.ceil(afterMs); // Nanoseconds that are no whole number could not be sent.
  const retryDelay = { seconds: BigInt(Math.floor(wholeMs / 1_000)), nanos: (wholeMs % 1_000) * 1_000_000 };
  return { desc: RetryInfoSchema, value: { retryDelay } };
}

type OutgoingDetails = NonNullable<ConstructorParameters<typeof ConnectError>[3]>;

function outgoing(details: ConnectError['details']): OutgoingDetails {
  return details as OutgoingDetails;
}
