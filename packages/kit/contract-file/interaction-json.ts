// An interaction to and from its place in a contract file. Reading goes by our own section alone; Pact's fields are
// written from the same patterns and for Pact's tools.

import {
  type DescMessage,
  type DescMethod,
  type DescService,
  type JsonObject,
  type JsonValue,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf';
import { nameOf } from '../base/rpc-name.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders, readHeaders, writeHeaders } from '../matching/header-pattern.ts';
import type { MessagePattern } from '../matching/pattern.ts';
import { readPattern } from '../matching/read-pattern.ts';
import { type PatternJson, writePattern } from '../matching/write-pattern.ts';
import { codeOfName, nameOfCode } from './connect-code.ts';
import { ContractFileError, type InteractionJson, type StateJson } from './contract-document.ts';
import {
  type EventInteraction,
  type Failure,
  type Interaction,
  keyOf,
  type ProviderState,
  type RpcInteraction,
} from './interaction.ts';
import { toPactInteraction } from './pact-interaction.ts';
import { toPactHeaderRules } from './pact-rules.ts';

/** What a reader of contracts knows: the services, and all types that messages may be of. */
export type Schema = {
  readonly services: readonly DescService[];
  readonly registry: Registry;
};

/**
 * Returns an interaction as JSON.
 *
 * @throws {Error} naming the path of a value that JSON cannot hold, such as an Any of a type that `registry` lacks.
 */
export function writeInteraction(interaction: Interaction, registry: Registry): InteractionJson {
  return interaction.kind === 'rpc' ? writeRpc(interaction, registry) : writeEvent(interaction, registry);
}

function writeRpc(interaction: RpcInteraction, registry: Registry): InteractionJson {
  const { method, requests, responses, failure, deadline } = interaction;
  const { type, ...pactFields } = toPactInteraction(interaction, registry);
  const write = (pattern: MessagePattern) => writePattern(pattern, registry) as unknown as JsonObject;
  const touchstone: JsonObject = {
    rpc: nameOf(method),
    methodKind: method.methodKind,
    requestType: method.input.typeName,
    responseType: method.output.typeName,
    requests: requests.map(write),
    ...(Object.keys(interaction.metadata).length > 0 && { metadata: writeHeaders(interaction.metadata) }),
    ...(deadline && { deadline: deadline.atMostMs === undefined ? {} : { atMostMs: deadline.atMostMs } }),
    responses: responses.map(write),
    ...writeReplyHeaders(interaction),
    ...(failure && { error: writeFailure(failure, registry) }),
  };
  return { type: type as InteractionJson['type'], ...named(interaction), ...pactFields, ...ours(touchstone) };
}

function writeReplyHeaders({ responseHeaders, responseTrailers }: RpcInteraction): JsonObject {
  return {
    ...(Object.keys(responseHeaders).length > 0 && { responseHeaders: writeHeaders(responseHeaders) }),
    ...(Object.keys(responseTrailers).length > 0 && { responseTrailers: writeHeaders(responseTrailers) }),
  };
}

function writeFailure({ code, message, details }: Failure, registry: Registry): JsonObject {
  return {
    code: nameOfCode(code),
    ...writeHeaders({ message }),
    details: details.map(({ desc, pattern }) => ({
      type: desc.typeName,
      ...(writePattern(pattern, registry) as unknown as JsonObject),
    })),
  };
}

function writeEvent(interaction: EventInteraction, registry: Registry): InteractionJson {
  const { desc, subject, headers, body } = interaction;
  const content = Buffer.from(toBinary(desc, createExample(desc, body))).toString('base64');
  const touchstone: JsonObject = {
    event: desc.typeName,
    subject,
    headers: writeHeaders(headers),
    body: writePattern(body, registry) as unknown as JsonObject,
  };
  return {
    type: 'Asynchronous/Messages',
    ...named(interaction),
    // As with streams: Pact's verifier has no way to the broker.
    pending: true,
    contents: { content, contentType: 'application/protobuf', contentTypeHint: 'BINARY', encoded: 'base64' },
    metadata: { subject, ...createExampleHeaders(headers) },
    matchingRules: { metadata: toPactHeaderRules(headers) },
    ...ours(touchstone),
  };
}

/** Returns the key of an interaction in a file: that of `keyOf`. */
export function identityOf({ description, providerStates = [] }: InteractionJson): string {
  return keyOf({ description, states: providerStates.map(({ name, params = {} }) => ({ name, params })) });
}

function named({ description, states }: Interaction): { description: string; providerStates?: StateJson[] } {
  if (states.length === 0) return { description };
  const providerStates = states.map(({ name, params }) =>
    Object.keys(params).length === 0 ? { name } : { name, params },
  );
  return { description, providerStates };
}

function ours(touchstone: JsonObject): Pick<InteractionJson, 'pluginConfiguration'> {
  return { pluginConfiguration: { touchstone } };
}

/**
 * Returns the interaction that a file holds, against the schema as it is now.
 *
 * @throws {ContractFileError} naming the interaction and what the schema no longer has: an RPC, a type, a field.
 */
export function readInteraction(json: InteractionJson, schema: Schema): Interaction {
  const { touchstone } = json.pluginConfiguration ?? {};
  try {
    if (!touchstone) throw new Error('has no section pluginConfiguration.touchstone');
    return touchstone.event === undefined ? readRpc(json, touchstone, schema) : readEvent(json, touchstone, schema);
  } catch (error) {
    throw new ContractFileError(`"${json.description}": ${(error as Error).message}`, { cause: error });
  }
}

function readRpc(json: InteractionJson, ours: JsonObject, schema: Schema): RpcInteraction {
  const method = findMethod(String(ours.rpc), schema.services);
  const read = (desc: DescMessage) => (pattern: JsonValue) =>
    readPattern(desc, pattern as unknown as PatternJson, schema.registry);
  if (method.methodKind !== ours.methodKind) {
    throw new Error(`${nameOf(method)} is ${method.methodKind}, not ${ours.methodKind}`);
  }
  const { deadline } = ours as { deadline?: { atMostMs?: number } };
  return {
    kind: 'rpc',
    description: json.description,
    states: readStates(json),
    method,
    requests: listOf(ours.requests).map(read(method.input)),
    metadata: readHeaders(objectOf(ours.metadata), 'metadata'),
    deadline: deadline && { atMostMs: deadline.atMostMs },
    responses: listOf(ours.responses).map(read(method.output)),
    responseHeaders: readHeaders(objectOf(ours.responseHeaders), 'responseHeaders'),
    responseTrailers: readHeaders(objectOf(ours.responseTrailers), 'responseTrailers'),
    failure: ours.error === undefined ? undefined : readFailure(objectOf(ours.error), schema.registry),
  };
}

function readFailure(json: JsonObject, registry: Registry): Failure {
  const code = codeOfName(String(json.code));
  const { message } = readHeaders({ message: json.message ?? '' }, 'error');
  if (code === undefined || !message) throw new Error(`error.code: "${json.code}" is no code`);
  const details = listOf(json.details).map((detail) => {
    const { type, ...pattern } = objectOf(detail);
    const desc = findType(String(type), registry);
    return { desc, pattern: readPattern(desc, pattern as unknown as PatternJson, registry) };
  });
  return { code, message, details };
}

function readEvent(json: InteractionJson, ours: JsonObject, { registry }: Schema): EventInteraction {
  const desc = findType(String(ours.event), registry);
  return {
    kind: 'event',
    description: json.description,
    states: readStates(json),
    desc,
    subject: String(ours.subject),
    headers: readHeaders(objectOf(ours.headers), 'headers'),
    body: readPattern(desc, ours.body as unknown as PatternJson, registry),
  };
}

function readStates({ providerStates = [] }: InteractionJson): ProviderState[] {
  return providerStates.map(({ name, params = {} }) => ({ name, params }));
}

function findMethod(name: string, services: readonly DescService[]): DescMethod {
  const method = services.flatMap(({ methods }) => methods).find((candidate) => nameOf(candidate) === name);
  if (!method) throw new Error(`there is no RPC ${name} in "services"`);
  return method;
}

function findType(typeName: string, registry: Registry): DescMessage {
  const desc = registry.getMessage(typeName);
  if (!desc) throw new Error(`there is no message ${typeName}; name it in "types"`);
  return desc;
}

function listOf(json: JsonValue | undefined): JsonValue[] {
  return (json ?? []) as JsonValue[];
}

function objectOf(json: JsonValue | undefined): JsonObject {
  return (json ?? {}) as JsonObject;
}
