// An exchange: one call and its answer as a recording keeps them, with messages in proto3 JSON and without redacted values.

import type { JsonValue } from '@bufbuild/protobuf';

/** One call and its answer. In a file each is one line. */
export type RecordedExchange = {
  /** Its number in the recording: 1 is the call that ended first. */
  readonly number: number;
  /** Such as `library.v1.LibraryService/GetBook`. */
  readonly rpc: string;
  readonly protocol: 'connect' | 'grpc' | 'grpc-web';
  readonly codec: 'binary' | 'json';
  /** When the call began, in RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** The timeout that the caller set, in milliseconds. */
  readonly deadlineMs?: number;
  readonly request: {
    readonly headers: RecordedHeaders;
    /** Exactly one, unless requests are a stream. */
    readonly messages: readonly RecordedMessage[];
  };
  readonly response: {
    readonly headers: RecordedHeaders;
    /** Exactly one, unless responses are a stream or the call failed. */
    readonly messages: readonly RecordedMessage[];
    readonly trailers: RecordedHeaders;
    /** The error that the service sent after the messages. */
    readonly error?: RecordedFailure;
  };
  /** Why the call has no end from the service: no answer came, the caller left, or the deadline passed. */
  readonly brokenOff?: string;
};

/** A message in proto3 JSON without its redacted fields. */
export type RecordedMessage = {
  readonly message: JsonValue;
  /** The paths of the redacted values that were set, such as `loan.memberId`. */
  readonly redacted?: readonly string[];
  /** What was not recorded because the schema does not have it: field numbers and types of `google.protobuf.Any`. */
  readonly lost?: readonly string[];
  /** When it passed the recorder, in milliseconds after the call began. */
  readonly atMs?: number;
};

/** A value, or the mark that it was redacted. */
export type Redactable = string | { readonly redacted: true };

/** Headers by lower-case name. */
export type RecordedHeaders = Readonly<Record<string, Redactable>>;

/** The error with which a call ended. */
export type RecordedFailure = {
  /** Such as `not_found`. */
  readonly code: string;
  readonly message: Redactable;
  readonly details: readonly RecordedDetail[];
};

/** A detail of an error. It has only its type if the schema does not have the type, or the bytes are not such a message. */
export type RecordedDetail = Partial<RecordedMessage> & {
  readonly type: string;
};

/** An exchange without a number. */
export type NewExchange = Omit<RecordedExchange, 'number'>;

/** A whole recording. */
export type Recording = {
  readonly exchanges: readonly RecordedExchange[];
  /** What is missing from it: calls after it was full, or an incomplete last line after the recorder was killed. */
  readonly warnings: readonly string[];
};
