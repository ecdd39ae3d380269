// Stubs of a virtual service in JSON: the same as `stub(...)` and its methods, as data.

import { type DescMethod, fromJson, type JsonValue, type Registry } from '@bufbuild/protobuf';
import { AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Code } from '@connectrpc/connect';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import { reasonOf } from '../base/error-reason.ts';
import { streamsResponses } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import { readFault } from '../fault-proxy/control/fault-argument.ts';
import { requireNumber } from '../fault-proxy/core/require-option.ts';
import { parseExactly, withoutBigints } from '../matching/exact-json.ts';
import type { ErrorDetails } from '../virtual/step.ts';
import type { Stub, StubSequence } from '../virtual/stub.ts';
import type { VirtualService } from '../virtual/virtual-service.ts';

/** The RPCs and types that stubs in JSON can use. */
export type StubVocabulary = {
  readonly methods: readonly DescMethod[];
  readonly registry: Registry;
};

type Json = Readonly<Record<string, unknown>>;

const STEP_KEYS = ['replies', 'fails', 'hangs', 'delayMs', 'paceMs', 'withFault', 'times', 'becomes'];

/**
 * Adds a JSON list of stubs to a virtual service.
 *
 * @returns the number of stubs.
 * @throws {Error} naming the stub, its step and the problem.
 */
export function applyStubs(text: string, service: Pick<VirtualService, 'stub'>, vocabulary: StubVocabulary): number {
  const stubs = parseExactly(text);
  if (!Array.isArray(stubs)) throw new Error('must be a list of stubs');
  return applyStubList(stubs, service, vocabulary);
}

/** Does so with parsed JSON, whose whole numbers that a double cannot hold are bigints. */
export function applyStubList(
  stubs: readonly unknown[],
  service: Pick<VirtualService, 'stub'>,
  vocabulary: StubVocabulary,
): number {
  for (const [index, stub] of stubs.entries()) within(`[${index}]`, () => applyStub(stub, service, vocabulary));
  return stubs.length;
}

function applyStub(json: unknown, service: Pick<VirtualService, 'stub'>, vocabulary: StubVocabulary): void {
  const { rpc, match, when, steps, ...only } = readObject(json);
  const method = vocabulary.methods.find((candidate) => nameOf(candidate) === rpc);
  if (!method) {
    throw new Error(
      `rpc: ${JSON.stringify(rpc)} is not an RPC here; the RPCs are ${vocabulary.methods.map(nameOf).join(', ')}`,
    );
  }
  let stub = within('match', () => service.stub(method, match === undefined ? {} : readMatch(match)));
  if (when !== undefined) stub = stub.when(...(within('when', () => readTexts(when)) as [string, ...string[]]));
  if (steps === undefined) {
    applyStep(only, stub, method, vocabulary.registry);
    return;
  }
  rejectUnknownKeys(only, []);
  if (!Array.isArray(steps) || steps.length === 0) throw new Error('steps: must be a list of at least one step');
  for (const [index, step] of steps.entries()) {
    stub = within(`steps[${index}]`, () => applyStep(readObject(step), stub, method, vocabulary.registry)).thenDelays(
      0,
    );
  }
}

function applyStep(
  step: Json,
  stub: Stub<DescMethod>,
  method: DescMethod,
  registry: Registry,
): StubSequence<DescMethod> {
  rejectUnknownKeys(step, STEP_KEYS);
  const { delayMs, paceMs, times, becomes } = step;
  let delayed = stub;
  if (delayMs !== undefined) delayed = within('delayMs', () => delayed.delays(readMs(delayMs)));
  if (paceMs !== undefined) delayed = within('paceMs', () => delayed.paces(readMs(paceMs)));
  let sequence = act(step, delayed, method, registry);
  if (times !== undefined) sequence = sequence.times(times as number);
  if (becomes !== undefined) sequence = sequence.becomes(within('becomes', () => readText(becomes)));
  return sequence;
}

function act(
  { replies, fails, hangs, withFault }: Json,
  stub: Stub<DescMethod>,
  method: DescMethod,
  registry: Registry,
): StubSequence<DescMethod> {
  if (hangs === true) return stub.hangs();
  const failure = fails === undefined ? undefined : within('fails', () => readFailure(readObject(fails), registry));
  if (replies === undefined) {
    if (failure) return stub.fails(...failure);
    throw new Error('must have one of "replies", "fails" and "hangs": true');
  }
  const reply = within('replies', () => readReply(replies, method)) as never;
  const faulted =
    withFault === undefined ? stub : within('withFault', () => stub.withFault(readFault(readText(withFault)).fault));
  return within('replies', () => (failure ? faulted.breaksOff(reply, ...failure) : faulted.replies(reply)));
}

// The stub itself checks the fields of messages.
function readReply(json: unknown, method: DescMethod): object {
  if (!streamsResponses(method)) return readObject(json);
  if (Array.isArray(json)) return json.map((message, index) => within(`[${index}]`, () => readObject(message)));
  throw new Error(`must be a list: ${nameOf(method)} answers with a stream`);
}

function readFailure(json: Json, registry: Registry): [Code, string, ErrorDetails] {
  rejectUnknownKeys(json, ['code', 'message', 'details']);
  const code = codeFromString(readText(json.code));
  if (code === undefined) throw new Error(`code: "${json.code}" is not a code, such as not_found`);
  const { message = '', details = [] } = json;
  if (!Array.isArray(details)) throw new Error('details: must be a list of messages with "@type"');
  return [
    code,
    within('message', () => readText(message)),
    details.map((detail, index) => within(`details[${index}]`, () => readDetail(detail, registry))),
  ];
}

function readDetail(json: JsonValue, registry: Registry): ErrorDetails[number] {
  const value = anyUnpack(fromJson(AnySchema, withoutBigints(json) as JsonValue, { registry }), registry);
  const desc = value && registry.getMessage(value.$typeName);
  if (!desc) throw new Error('must be a message with "@type", such as type.googleapis.com/google.rpc.ErrorInfo');
  return { desc, value };
}

function rejectUnknownKeys(given: Json, known: readonly string[]): void {
  const other = Object.keys(given).find((key) => !known.includes(key));
  if (other !== undefined) throw new Error(`"${other}" is unknown; known are ${known.join(', ')}`);
}

function readObject(json: unknown): Json {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  throw new Error(`must be an object, not ${JSON.stringify(json)}`);
}

/** A list is for streams: exactly these requests. The stub itself checks that. */
function readMatch(json: unknown): Json | Json[] {
  return Array.isArray(json)
    ? json.map((request, index) => within(`[${index}]`, () => readObject(request)))
    : readObject(json);
}

function readText(json: unknown): string {
  if (typeof json === 'string') return json;
  throw new Error(`must be a string, not ${JSON.stringify(json)}`);
}

function readTexts(json: unknown): string[] {
  if (!Array.isArray(json) || json.length === 0) throw new Error('must be a list of strings');
  return json.map(readText);
}

function readMs(json: unknown): number {
  requireNumber('it', json as number);
  return json as number;
}

/** Runs `read`, and adds the place in the file to the message of an error. */
function within<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const problem = reasonOf(error).replaceAll(/\s*\n\s*/g, ' ');
    throw new Error(problem.startsWith('[') ? `${place}${problem}` : `${place}: ${problem}`, { cause: error });
  }
}
