// A sequence to run: recorded calls in some order, one of them possibly with a change.

import type { Message } from '@bufbuild/protobuf';
import type { Deviation } from '../calls/deviations.ts';
import type { FuzzWire } from '../calls/fuzz-wire.ts';
import type { Link, RecordedCall } from './recorded-calls.ts';

/** A call to make. */
export type PlannedCall = {
  readonly recorded: RecordedCall;
  /** A changed value of its first message. */
  readonly change?: ValueChange;
};

/** A change of the value of a call. */
export type ValueChange = {
  /** Such as `quantity: negative number`. */
  readonly name: string;
  /** A boundary value, which is put in after the values of earlier answers. */
  readonly deviation?: Deviation;
  /** Puts in another value of the type, after the values of earlier answers. */
  readonly apply?: (message: Message) => Message;
  /** Takes a value from the answer to another call. */
  readonly link?: Link;
};

/** A sequence of calls, all made in the same way. */
export type SequencePlan = {
  /** What was changed, such as `CancelOrder twice`; empty for the sequence as it was recorded. */
  readonly name: string;
  readonly wire: FuzzWire;
  readonly calls: readonly PlannedCall[];
};
