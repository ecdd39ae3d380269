// The errors of a server's limits: what a caller can do about one is in its code and, as google.rpc details, in its reason and retry delay.

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Code, ConnectError } from '@connectrpc/connect';

/** The limits that reject work, by the names under which they are counted. */
export type LimitName =
  | 'connections'
  | 'peer_connections'
  | 'headers'
  | 'host'
  | 'origin'
  | 'request_bytes'
  | 'body_timeout'
  | 'introspection'
  | 'stream_age';

export type LimitErrorOptions = {
  readonly code: Code;
  /** UPPER_SNAKE_CASE. */
  readonly reason: string;
  readonly message: string;
  /** Set when the same call may be retried. */
  readonly retryAfterMs?: number;
};

/** Creates the errors of one server. Without a domain they carry no `google.rpc.ErrorInfo`. */
export type LimitErrors = (options: LimitErrorOptions) => ConnectError;

/** Returns a function that creates errors of this `google.rpc.ErrorInfo` domain. */
export function createLimitErrors(domain: string | undefined): LimitErrors {
  return ({ code, reason, message, retryAfterMs }) => {
    const error = new ConnectError(message, code);
    if (domain !== undefined) {
      const value = new BinaryWriter().tag(1, WireType.LengthDelimited).string(reason);
      value.tag(2, WireType.LengthDelimited).string(domain);
      error.details.push({ type: 'google.rpc.ErrorInfo', value: value.finish() });
    }
    if (retryAfterMs !== undefined) {
      error.details.push({ type: 'google.rpc.RetryInfo', value: encodeRetryInfo(retryAfterMs) });
    }
    return error;
  };
}

/** Returns a delay of half to one and a half times `meanMs`, so that callers rejected together do not retry together. */
export function retryDelay(meanMs: number): number {
  return Math.round(meanMs * (0.5 + Math.random()));
}

function encodeRetryInfo(delayMs: number): Uint8Array {
  const duration = new BinaryWriter().tag(1, WireType.Varint).int64(Math.floor(delayMs / 1_000));
  duration.tag(2, WireType.Varint).int32((delayMs % 1_000) * 1_000_000);
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(duration.finish()).finish();
}
