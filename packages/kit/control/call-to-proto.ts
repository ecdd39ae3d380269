// A call of the journal as a message of the control service.

import {
  fromJson,
  type JsonValue,
  type Message,
  type MessageInitShape,
  type Registry,
  toJson,
} from '@bufbuild/protobuf';
import { timestampFromDate, type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import { ConnectError } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { reasonOf } from '../base/error-reason.ts';
import { nameOf } from '../base/rpc-name.ts';
import { UnmatchedError } from '../matching/match-call.ts';
import type { Call, CallOutcome } from '../virtual/journal.ts';
import {
  CallOutcome as ProtoOutcome,
  type RecordedCallSchema,
} from './gen/touchstone/kit/v1/stub_control_service_pb.ts';

const OUTCOMES: Readonly<Record<CallOutcome, ProtoOutcome>> = {
  running: ProtoOutcome.RUNNING,
  answered: ProtoOutcome.ANSWERED,
  failed: ProtoOutcome.FAILED,
  abandoned: ProtoOutcome.ABANDONED,
  unmatched: ProtoOutcome.UNMATCHED,
  faulted: ProtoOutcome.FAULTED,
};

/** Returns whether a call ended with one of these outcomes; without any, whether it is a call. */
export function hasOutcome({ outcome }: Call, outcomes: readonly ProtoOutcome[]): boolean {
  return outcomes.length === 0 || outcomes.includes(OUTCOMES[outcome]);
}

/** Returns the outcome that a value of the enum stands for; `running` for one that this version does not know. */
export function outcomeOf(outcome: ProtoOutcome): CallOutcome {
  const found = Object.entries(OUTCOMES).find(([, value]) => value === outcome);
  return (found?.[0] ?? 'running') as CallOutcome;
}

/** Returns the value of the enum for an outcome. */
export function outcomeToProto(outcome: CallOutcome): ProtoOutcome {
  return OUTCOMES[outcome];
}

/** Returns a call with its requests as proto3 JSON. */
export function toRecordedCall(call: Call, registry: Registry): MessageInitShape<typeof RecordedCallSchema> {
  const { id, method, arrivedAt, requests, requestHeader, outcome, error, fault = '', isForwarded } = call;
  const nearest = nearestOf(error);
  return {
    id: String(id),
    rpc: nameOf(method),
    arrivedAt: timestampFromDate(arrivedAt),
    requests: requests.map((request) => toValue(call, request, registry)),
    requestHeaders: Object.fromEntries(requestHeader),
    outcome: OUTCOMES[outcome],
    fault,
    forwarded: isForwarded,
    ...(error === undefined ? {} : { error: toCallError(error) }),
    ...(nearest === undefined ? {} : { nearest: { ...nearest, differences: [...nearest.differences] } }),
  };
}

function toCallError(error: unknown): { code: string; message: string } {
  const { code, rawMessage } = ConnectError.from(error);
  return { code: codeToString(code), message: rawMessage };
}

function nearestOf(error: unknown): UnmatchedError['nearest'] {
  const cause = error instanceof ConnectError ? error.cause : undefined;
  return cause instanceof UnmatchedError ? cause.nearest : undefined;
}

// JSON cannot hold a message whose Any has an unknown type. The other calls are shown all the same.
function toValue({ method }: Call, request: Message, registry: Registry): Value {
  return fromJson(ValueSchema, toJsonOrReason());

  function toJsonOrReason(): JsonValue {
    try {
      return toJson(method.input, request, { registry });
    } catch (error) {
      return `cannot be written as JSON: ${reasonOf(error)}`;
    }
  }
}
