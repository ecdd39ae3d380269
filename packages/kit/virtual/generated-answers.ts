// Answers for calls without a stub: generated from the type of the response, the same for the same request and seed.

import { createHash } from 'node:crypto';
import { type DescMethod, type Message, type Registry, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import * as fc from 'fast-check';
import { nameOf } from '../base/rpc-name.ts';
import { messagesOf } from '../fuzz/calls/messages.ts';
import { loadRules } from '../fuzz/calls/rule-hints.ts';
import { findMissing } from '../matching/required-fields.ts';

/**
 * Returns the responses to a call.
 * @throws {ConnectError} `invalid_argument` naming the required field of proto2 that a request lacks.
 */
export type AnswerGenerator = (method: DescMethod, requests: readonly Message[]) => Message[];

const STREAM_LENGTH = 3;

/** Creates a generator. Its values follow the rules of `buf.validate` that the schema has, as far as they state simple bounds. */
export async function createAnswerGenerator(registry: Registry, seed: number): Promise<AnswerGenerator> {
  if (!Number.isSafeInteger(seed)) throw new TypeError(`generate.seed: must be a whole number, not ${seed}`);
  const { hints } = await loadRules(filesOf(registry), registry);
  return (method, requests) => {
    const numRuns = method.methodKind === 'server_streaming' ? STREAM_LENGTH : 1;
    const messages = messagesOf(method.output, { values: 'plausible', hints });
    return fc.sample(messages, { seed: seedOf(method, requests, seed), numRuns });
  };
}

function seedOf(method: DescMethod, requests: readonly Message[], seed: number): number {
  const hash = createHash('sha256').update(`${seed} ${nameOf(method)}`);
  for (const request of requests) {
    const missing = findMissing(method.input, request);
    if (missing !== undefined) throw new ConnectError(`${missing} is required, and missing`, Code.InvalidArgument);
    hash.update(toBinary(method.input, request));
  }
  return hash.digest().readInt32BE();
}

function filesOf(registry: Registry) {
  return new Set([...registry].map(({ file }) => file));
}
