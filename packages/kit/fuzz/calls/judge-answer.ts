// Decides whether the answer to a generated call is a problem of the service.

import { Code } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { streamsResponses } from '../../base/method-kind.ts';
import { messagesToSend } from './encode-request.ts';
import type { Problem } from './finding.ts';
import { causeOf, type FuzzCall } from './fuzz-call.ts';
import type { RawAnswer } from './http-client.ts';
import type { Answer } from './read-answer.ts';
import type { Rules } from './rule-hints.ts';

const UNTYPED: readonly Code[] = [Code.Internal, Code.Unknown, Code.DataLoss];

/** The detail of every crash. */
export const CRASHED = 'the service no longer accepts connections';

/** Judges an answer that did not end or whose connection was lost. `isOpen` is whether the port is open afterwards. */
export function judgeBroken(answer: RawAnswer & { kind: 'no end' | 'lost' }, call: FuzzCall, isOpen: boolean): Problem {
  const cause = causeOf(call);
  if (!isOpen) return { kind: 'crash', detail: CRASHED, cause };
  if (answer.kind === 'lost') return { kind: 'connection lost', detail: answer.reason, cause };
  const isStream = streamsResponses(call.method) && answer.hasBegun;
  if (!isStream) return { kind: 'hang', detail: 'no answer within the timeout', cause };
  return { kind: 'endless stream', detail: 'no end within the timeout', cause };
}

/** Judges an answer; `undefined` if it is as it should be. */
export function judgeAnswer(answer: Answer, call: FuzzCall, rules: Rules): Problem | undefined {
  const cause = causeOf(call);
  switch (answer.kind) {
    case 'unreadable':
      return { kind: 'unreadable answer', detail: answer.reason, cause };
    case 'http error':
      return answer.status < 500 ? undefined : { kind: 'untyped error', detail: `HTTP ${answer.status}`, cause };
    case 'error':
      if (!UNTYPED.includes(answer.code) || isExpected(answer.code, call)) return undefined;
      return { kind: 'untyped error', detail: `${codeToString(answer.code)}: ${answer.message}`, cause };
    case 'ok':
      return judgeAccepted(call, rules);
  }
}

// In gRPC `internal` is the status of a request that cannot be decoded; in Connect, that of a compressed message in a stream without one.
function isExpected(code: Code, { wire, damage, deviation }: FuzzCall): boolean {
  if (code !== Code.Internal) return false;
  if (wire.protocol === 'connect') return damage?.kind === 'a compressed message without a compression';
  return damage !== undefined || deviation?.isInvalidText === true;
}

function judgeAccepted(call: FuzzCall, rules: Rules): Problem | undefined {
  if (call.damage || call.deviation?.isInvalidText === true) return undefined;
  for (const message of messagesToSend(call)) {
    const violation = rules.violationOf(call.method.input, message);
    if (violation !== undefined) {
      return { kind: 'unenforced rule', detail: `accepts a request that violates ${violation}`, cause: violation };
    }
  }
  return undefined;
}
