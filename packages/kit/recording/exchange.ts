// One call and its answer as a recording keeps them: messages in proto3 JSON, and never a value that was redacted.

import type { JsonValue } from '@bufbuild/protobuf';

/** One call, from its beginning to its end. In a file each is one line. */
export interface RecordedExchange {
  /** Its place in the recording: 1 is the call that ended first. */
  readonly number: number;
  /** Such as `library.v1.LibraryService/GetBook`. */
  readonly rpc: string;
  readonly protocol: 'connect' | 'grpc' | 'grpc-web';
  readonly codec: 'binary' | 'json';
  /** When the call came, in RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** The time the caller gave the call, in milliseconds. */
  readonly deadlineMs?: number;
  readonly request: {
    readonly headers: RecordedHeaders;
    /** One, except for client and bidirectional streams. */
    readonly messages: readonly RecordedMessage[];
  };
  readonly response: {
    readonly headers: RecordedHeaders;
    /** One, except for server and bidirectional streams; none where the call failed at once. */
    readonly messages: readonly RecordedMessage[];
    readonly trailers: RecordedHeaders;
    /** The error that the service answered after the messages. */
    readonly error?: RecordedFailure;
  };
  /** Why the call has no end of the service's own: nobody answered, the caller left, or its time was over. */
  readonly brokenOff?: string;
}

/** A message in proto3 JSON, without the fields that are redacted. */
export interface RecordedMessage {
  readonly message: JsonValue;
  /** The paths of the values that were set and are not told, such as `loan.memberId`. */
  readonly redacted?: readonly string[];
  /** What could not be kept, because the schema does not know it: field numbers and types of `google.protobuf.Any`. */
  readonly lost?: readonly string[];
}

/** A value, or that there was one. */
export type Redactable = string | { readonly redacted: true };

/** Headers by lower-case name. */
export type RecordedHeaders = Readonly<Record<string, Redactable>>;

/** The error that a call ended with. */
export interface RecordedFailure {
  /** Such as `not_found`. */
  readonly code: string;
  readonly message: Redactable;
  readonly details: readonly RecordedDetail[];
}

/** A detail of an error. One whose type the schema does not know, or whose bytes are none of it, has only its type. */
export interface RecordedDetail extends Partial<RecordedMessage> {
  readonly type: string;
}

/** An exchange before it has a place in the recording. */
export type NewExchange = Omit<RecordedExchange, 'number'>;

/** A whole recording. */
export interface Recording {
  readonly exchanges: readonly RecordedExchange[];
  /** What is missing from it: calls after it was full, a line that was torn when its process was killed. */
  readonly warnings: readonly string[];
}
