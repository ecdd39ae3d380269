// The calls of a recording as the fuzzer makes them again: in the order in which they began, each with its values that come from an
// earlier answer.

import { type DescMessage, type DescMethod, fromJson, type JsonValue, type Message } from '@bufbuild/protobuf';
import { reasonOf } from '../../base/error-reason.ts';
import { nameOf } from '../../base/rpc-name.ts';
import { relayedOf } from '../../forwarding/relayed-headers.ts';
import { assertExact } from '../../matching/exact-json.ts';
import type { RecordedExchange, RecordedHeaders, Recording } from '../../recording/exchange.ts';
import { FieldRules } from '../../recording/field-rules.ts';
import { RecordingError } from '../../recording/recording-error.ts';
import type { Schema } from '../../schema/load-schema.ts';
import { type ClientValue, clientValuesOf } from './client-values.ts';
import { type MessageValue, valuesOf } from './message-values.ts';

/** One call of a recording. */
export type RecordedCall = {
  /** Its place in the recording, by when it began; 1 is the first. */
  readonly number: number;
  readonly method: DescMethod;
  readonly messages: readonly Message[];
  readonly headers: Readonly<Record<string, string>>;
  /** The values of its requests that come from earlier answers. */
  readonly links: readonly Link[];
  /** The values of its requests that the caller makes up for each call, such as idempotency keys. */
  readonly fresh: readonly ClientValue[];
  /** The code of the error that it ended with, such as `not_found`. */
  readonly error: string | undefined;
};

/** A value of a request, and the place in an earlier answer that it comes from. */
export type Link = {
  /** The message of the request that has it. */
  readonly index: number;
  readonly target: MessageValue;
  readonly source: Source;
};

/** A value of a recorded answer. */
export type Source = {
  /** The number of the recorded call. */
  readonly call: number;
  /** The message of the answer. */
  readonly index: number;
  readonly place: MessageValue;
};

/** What a recording is good for. */
export type RecordedCalls = {
  readonly calls: readonly RecordedCall[];
  /** Which calls are left out or may be refused, and why. */
  readonly warnings: readonly string[];
};

/** The RPCs that may be called, and how to read a recording of them. */
export type RecordedCallsOptions = {
  readonly methods: readonly DescMethod[];
  readonly schema: Schema;
  /** Fields of requests whose values are new in each sequence: `pkg.Message.field`. */
  readonly fresh?: readonly string[];
};

/**
 * Returns the calls of a recording.
 *
 * @throws {RecordingError} naming the exchange and the message that does not fit the schema, or a field of `fresh` that is none.
 */
export function readRecordedCalls(
  recording: Recording,
  { methods, schema, fresh = [] }: RecordedCallsOptions,
): RecordedCalls {
  const { registry } = schema;
  const rules = new FieldRules(fresh, registry, 'fresh');
  const byName = new Map(methods.map((method) => [nameOf(method), method]));
  const known = new Set(schema.services.flatMap((service) => service.methods.map(nameOf)));
  const warnings: string[] = [];
  const tracker = new ValueTracker();
  const calls: RecordedCall[] = [];
  for (const exchange of inOrder(recording.exchanges)) {
    const { rpc, number, brokenOff, request, response } = exchange;
    const method = byName.get(rpc);
    if (!method) {
      if (!known.has(rpc)) warnings.push(`exchange ${number} is left out: the service has no RPC ${rpc}`);
      continue;
    }
    if (brokenOff !== undefined) {
      warnings.push(`exchange ${number}, ${rpc}, is left out: ${brokenOff}`);
      continue;
    }
    const hidden = request.messages.flatMap(({ redacted = [] }) => redacted);
    if (hidden.length > 0)
      warnings.push(`exchange ${number}, ${rpc}, may be refused: redacted values are missing: ${hidden.join(', ')}`);
    const lost = request.messages.flatMap((message) => message.lost ?? []);
    if (lost.length > 0) warnings.push(`exchange ${number}, ${rpc}, lacks what was not recorded: ${lost.join(', ')}`);
    const read = (desc: DescMessage, of: 'request' | 'response') =>
      exchange[of].messages.map(({ message }, index) => {
        const place = `exchange ${number} (${rpc}): ${of}.messages[${index}]`;
        return readMessage(desc, message, { schema, place, isStrict: of === 'request' });
      });
    const messages = read(method.input, 'request');
    const call = calls.length + 1;
    const links = tracker.linksOf(method.input, messages);
    const linked = new Set(links.map(({ index, target }) => `${index} ${target.path}`));
    calls.push({
      number: call,
      method,
      messages,
      headers: headersOf(request.headers),
      links,
      fresh: clientValuesOf(method.input, messages, rules).filter(
        ({ index, place }) => !linked.has(`${index} ${place.path}`),
      ),
      error: response.error?.code,
    });
    tracker.addAnswer(call, method.output, read(method.output, 'response'));
  }
  return { calls, warnings };
}

/** Returns requests that the service answered, by RPC. */
export function examplesOf(calls: readonly RecordedCall[]): Map<DescMethod, Message[]> {
  const examples = new Map<DescMethod, Message[]>();
  for (const { method, messages, error } of calls) {
    if (error === undefined) examples.set(method, [...(examples.get(method) ?? []), ...messages]);
  }
  return examples;
}

// Exchanges are recorded as they end. A call that began at the same time keeps its place.
function inOrder(exchanges: readonly RecordedExchange[]): RecordedExchange[] {
  return exchanges.toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt));
}

// What a client or a browser adds to every call, and the traces of the recorded ones.
const OF_CLIENT =
  /^(accept|accept-language|user-agent|cache-control|pragma|origin|referer|sec-.*|traceparent|tracestate|b3|baggage)$/;

function headersOf(recorded: RecordedHeaders): Record<string, string> {
  const texts = Object.entries(recorded).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && !OF_CLIENT.test(entry[0]),
  );
  return Object.fromEntries(relayedOf(new Headers(texts)));
}

type Reading = { readonly schema: Schema; readonly place: string; readonly isStrict: boolean };

function readMessage(desc: DescMessage, json: JsonValue, { schema, place, isStrict }: Reading): Message {
  try {
    assertExact(desc, json, schema.registry);
    return fromJson(desc, json, { registry: schema.registry, ignoreUnknownFields: !isStrict });
  } catch (error) {
    throw new RecordingError(`${place}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Which values the service has made up so far, and which the caller. */
class ValueTracker {
  readonly #answered: Source[] = [];
  readonly #sent: { readonly name: string; readonly value: string | bigint }[] = [];

  addAnswer(call: number, desc: DescMessage, messages: readonly Message[]): void {
    for (const [index, message] of messages.entries()) {
      for (const place of valuesOf(desc, message)) {
        const { field, value } = place;
        const isEcho = this.#sent.some((sent) => sent.value === value && isSameValue(sent.name, field.name, value));
        if (!isEcho && value !== '' && value !== 0n) this.#answered.push({ call, index, place });
      }
    }
  }

  linksOf(desc: DescMessage, messages: readonly Message[]): Link[] {
    const links: Link[] = [];
    for (const [index, message] of messages.entries()) {
      for (const target of valuesOf(desc, message)) {
        const { field, value } = target;
        const source = this.#answered.find(
          ({ place }) => place.value === value && isSameValue(place.field.name, field.name, value),
        );
        if (source) links.push({ index, target, source });
        else this.#sent.push({ name: field.name, value });
      }
    }
    return links;
  }
}

// Equal texts are no coincidence. Equal numbers are, unless their fields have the same name, or one is an `id` and the other an `order_id`.
function isSameValue(name: string, other: string, value: string | bigint): boolean {
  if (typeof value === 'string' || name === other) return true;
  return (name === 'id' && other.endsWith('_id')) || (other === 'id' && name.endsWith('_id'));
}
