// What a view shows in place of its content, or above it: loading, nothing, or an error with what can be done.
import { Code, ConnectError } from '@connectrpc/connect';
import type { ReactNode } from 'react';

/** Nothing to show, and why. */
export function Empty({ children }: { readonly children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

/** A placeholder of about the size of what comes. */
export function Loading({ rows = 3 }: { readonly rows?: number }) {
  return (
    <div className="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike.
        <span key={row} className="loading-row" />
      ))}
    </div>
  );
}

/** An error in words, with a way to try again. */
export function Failure({ error, onRetry }: { readonly error: unknown; readonly onRetry?: () => void }) {
  return (
    <div className="notice bad" role="alert">
      <span>{describeFailure(error)}</span>
      {onRetry && (
        <button type="button" className="button small" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Whether the caller may not see it, though there is nothing wrong with the service. */
export function isRefusal(error: unknown): boolean {
  return [Code.Unauthenticated, Code.PermissionDenied].includes(ConnectError.from(error).code);
}

/** The message of an error for people. */
export function describeFailure(error: unknown): string {
  const failure = ConnectError.from(error);
  if (failure.code === Code.Unauthenticated) return 'Sign in as an operator to see this.';
  if (failure.code === Code.Unknown && failure.cause instanceof TypeError) return 'The console does not answer.';
  return failure.rawMessage;
}
