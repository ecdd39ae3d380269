// Stubs as JSON: the type of what `kit virtual --stubs` and the control service read.

import type { DescMethod } from '@bufbuild/protobuf';

/** A message in proto3 JSON. A bigint is a number of 64 bits. */
type MessageJson = Readonly<Record<string, unknown>>;

/** What a stub does with one call, or with each of several: one of `replies`, `fails` and `hangs`. */
export type StubStepDefinition = {
  /** A message; for a stream of responses a list of messages. */
  readonly replies?: MessageJson | readonly MessageJson[];
  /** The error, with a code such as `not_found`. After `replies` it ends a stream of responses. Details are messages with `@type`. */
  readonly fails?: { readonly code: string; readonly message?: string; readonly details?: readonly MessageJson[] };
  /** Never answers. */
  readonly hangs?: true;
  /** Delay before the answer, in milliseconds. */
  readonly delayMs?: number;
  /** Pause between the messages of a stream, in milliseconds. */
  readonly paceMs?: number;
  /** A fault of the answer, such as `reset` or `bandwidth:bytesPerSecond=100`. */
  readonly withFault?: string;
  /** For how many calls. Default: one; for the last step all further calls. */
  readonly times?: number;
  /** The state of the service after the step. */
  readonly becomes?: string;
};

/** A stub as JSON. Without `steps` it is the only step itself. */
export type StubDefinition = StubStepDefinition & {
  /** The RPC, or its name, such as `greet.v1.GreetService/Greet`. */
  readonly rpc: DescMethod | string;
  /** Fields of the request; for a stream of requests also a list of exactly these. Default: any request. */
  readonly match?: MessageJson | readonly MessageJson[];
  /** The states in which it matches. Default: any state. */
  readonly when?: readonly string[];
  /** What it does with the first call, the second and so on. */
  readonly steps?: readonly StubStepDefinition[];
};
