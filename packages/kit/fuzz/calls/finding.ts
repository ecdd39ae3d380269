// What the fuzzer found: its kinds, and when two of them are the same.

import { nameOf } from '../../base/rpc-name.ts';
import type { FuzzCall } from './fuzz-call.ts';

/** A kind of problem. */
export type FindingKind =
  /** The process ended, or closed its port. */
  | 'crash'
  /** The connection was lost during the call; the port is open. */
  | 'connection lost'
  /** There was no answer within the timeout. */
  | 'hang'
  /** A stream of responses did not end within the timeout. */
  | 'endless stream'
  /** `internal`, `unknown` or `data_loss`, or an HTTP error 5xx without the body of an RPC error. */
  | 'untyped error'
  /** The answer cannot be read. */
  | 'unreadable answer'
  /** A rule of `buf.validate` is violated by the request, which was accepted. */
  | 'unenforced rule'
  /** The memory of the process grows with every call. */
  | 'memory growth';

/** One problem of one call. */
export type Problem = {
  readonly kind: FindingKind;
  /** Such as `internal: division by zero`. */
  readonly detail: string;
  /** The violated rule or the boundary value, if it alone is the reason. */
  readonly cause: string;
};

/** A problem, and the smallest call found that has it. */
export type FoundProblem = Problem & {
  readonly call: FuzzCall;
  /** The calls that have to be made before it, and itself, if it alone does not have the problem. */
  readonly sequence?: readonly SequenceCall[];
  /** How many calls had it. */
  count: number;
};

/** A call of a sequence. */
export type SequenceCall = {
  readonly call: FuzzCall;
  /** The values of its request that come from earlier answers. */
  readonly taken: readonly TakenValue[];
  /** The fields and headers that are new in each sequence, such as `request_id`. */
  readonly renewed: readonly string[];
  /** How it differs from the recorded call, such as `quantity: negative number`; empty if it does not. */
  readonly change: string;
};

/** A value of an earlier answer. */
export type TakenValue = {
  /** The field of the request, such as `order_id`. */
  readonly field: string;
  /** The call of the sequence that was answered with the value; 1 is the first. */
  readonly call: number;
  /** The field of that answer, such as `order.id`. */
  readonly from: string;
};

const NUMBERS = /\d+/g;
const QUOTED = /(["'`]).*?\1/gs;

/** Returns the same text for findings that are the same. */
export function identityOf(finding: FoundProblem): string {
  const rpcs = finding.sequence?.map(({ call }) => call.method.name);
  return JSON.stringify([symptomOf(finding, nameOf(finding.call.method)), finding.cause, rpcs]);
}

/** Returns the same text for problems of the same kind, in the same RPC, with the same message but for its values. */
export function symptomOf({ kind, detail }: Problem, rpc: string): string {
  return JSON.stringify([kind, rpc, detail.replaceAll(QUOTED, '"…"').replaceAll(NUMBERS, '0')]);
}
