// Turns the interactions of a Pact file that the protobuf plugin wrote into interactions of the kit.

import type { DescMessage, DescMethod, JsonObject } from '@bufbuild/protobuf';
import type { Code } from '@connectrpc/connect';
import { reasonOf } from '../base/error-reason.ts';
import { nameOf } from '../base/rpc-name.ts';
import { codeOfName } from '../contract-file/connect-code.ts';
import { ContractFileError } from '../contract-file/contract-document.ts';
import { type Failure, type Interaction, keyOf, type ProviderState, titleOf } from '../contract-file/interaction.ts';
import type { HeaderPattern, HeaderPatterns } from '../matching/header-pattern.ts';
import type { MessagePattern } from '../matching/pattern.ts';
import { readBinaryImage } from '../schema/image.ts';
import { linkSchema, type Schema } from '../schema/load-schema.ts';
import { importHeaders } from './import-headers.ts';
import { importMessage } from './import-message.ts';
import { type Json, objectOf, type PactContents, type PactDocument, readContents } from './pact-document.ts';
import { parsePactPath } from './pact-path.ts';

/** An imported interaction, with the schema that it was written with. */
export type ImportedInteraction = { readonly interaction: Interaction; readonly schema: Schema };

/** What was imported, and what was not. */
export type PactImport = {
  readonly interactions: readonly ImportedInteraction[];
  /** What is not carried over, each with the description of its interaction. */
  readonly notes: readonly string[];
};

/** The subjects of events, which Pact does not know, by the full name of the message; `*` is for all others. */
export type Subjects = ReadonlyMap<string, string>;

type Importing = {
  readonly json: Json;
  readonly schema: Schema;
  readonly subjects: Subjects;
  readonly note: (text: string) => void;
};

/**
 * Returns the interactions of a Pact file.
 *
 * @param source the name of the file, for errors.
 * @throws {ContractFileError} naming the file, the interaction and the field that cannot be read.
 */
export function importPact(
  { interactions, descriptors }: PactDocument,
  source: string,
  subjects: Subjects,
): PactImport {
  const schemas = new Map<string, Schema>();
  const notes: string[] = [];
  const imported = interactions.flatMap((json, index): ImportedInteraction[] => {
    const description = String(json.description ?? '');
    const title = description === '' ? `interactions[${index}]` : `"${description}"`;
    const note = (text: string) => notes.push(`${title}: ${text}`);
    try {
      const { protobuf, ...others } = objectOf(json.pluginConfiguration);
      // In a file with calls over HTTP too, these have an empty configuration of each plugin.
      if (protobuf === undefined || (json.type === 'Synchronous/HTTP' && !objectOf(protobuf).descriptorKey)) {
        const plugins = Object.keys(others).join(', ');
        note(`is left out: it is ${json.type}${plugins === '' ? ', without a plugin' : `, of the plugin ${plugins}`}`);
        return [];
      }
      const key = String(objectOf(protobuf).descriptorKey);
      const schema = schemas.get(key) ?? readSchema(descriptors.get(key), key);
      schemas.set(key, schema);
      noteIgnored(json, note);
      return [{ interaction: importInteraction({ json, schema, subjects, note }), schema }];
    } catch (error) {
      throw new ContractFileError(`${source}: ${title}: ${reasonOf(error)}`, { cause: error });
    }
  });
  return { interactions: withoutDuplicates(imported, notes), notes };
}

// A contract has one interaction of a description and states.
function withoutDuplicates(all: readonly ImportedInteraction[], notes: string[]): readonly ImportedInteraction[] {
  const byKey = new Map<string, ImportedInteraction>();
  for (const imported of all) {
    const key = keyOf(imported.interaction);
    if (byKey.has(key))
      notes.push(`"${titleOf(imported.interaction)}" is in the file more than once: the last one is kept`);
    byKey.set(key, imported);
  }
  return [...byKey.values()];
}

function readSchema(encoded: string | undefined, key: string): Schema {
  const place = `metadata.plugins: the descriptors "${key}"`;
  if (encoded === undefined) throw new Error(`${place} are missing`);
  return linkSchema(readBinaryImage(Buffer.from(encoded, 'base64'), place), place);
}

function noteIgnored({ pending, comments }: Json, note: (text: string) => void): void {
  if (pending === true) note('"pending" is left out: the interaction counts when the provider is verified');
  const { testname: _, ...others } = objectOf(comments);
  if (Object.keys(others).length > 0) note(`"comments" are left out: ${Object.keys(others).join(', ')}`);
}

function importInteraction(importing: Importing): Interaction {
  const { json, schema } = importing;
  const configuration = objectOf(objectOf(json.pluginConfiguration).protobuf);
  if (json.type === 'Synchronous/Messages') {
    return importCall(findMethod(String(configuration.service), schema), importing);
  }
  if (json.type === 'Asynchronous/Messages') {
    return importEvent(findMessage(String(configuration.message), schema), importing);
  }
  throw new Error(`type is ${json.type}, which the protobuf plugin does not write`);
}

function importCall(method: DescMethod, importing: Importing): Interaction {
  const { json } = importing;
  const request = readContents(objectOf(json.request), 'request');
  const given = Array.isArray(json.response) ? json.response.map(objectOf) : [objectOf(json.response)];
  const answers = given.map((answer, index) => readContents(answer, `response[${index}]`));
  const [first = readContents({}, 'response[0]')] = answers;
  const { 'grpc-status': status, 'grpc-message': message, ...metadata } = first.metadata;
  const failure = importFailure(status, message, first, importing);
  if (failure && first.bytes.length > 0) importing.note('the message of an answer that fails is left out');
  const isStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
  if (answers.length > 1 && !isStream) importing.note(`${answers.length - 1} more answers are left out`);
  const sent = failure ? [] : answers.slice(0, isStream ? answers.length : 1);
  const headers = importHeaders(metadata, first.metadataRules, { place: 'response', note: importing.note });
  return {
    kind: 'rpc',
    ...named(json),
    method,
    requests: [importContents(method.input, request, 'request', importing)],
    metadata: headersOf(request, 'request', importing),
    deadline: undefined,
    responses: sent.map((answer, index) => importContents(method.output, answer, `response[${index}]`, importing)),
    // gRPC has the metadata of an error in its trailers.
    responseHeaders: failure ? {} : headers,
    responseTrailers: failure ? headers : {},
    failure,
  };
}

function importEvent(desc: DescMessage, importing: Importing): Interaction {
  const { json, subjects, note } = importing;
  const contents = readContents(json, 'the message');
  const { subject: ofMetadata, ...metadata } = contents.metadata;
  const subject = subjects.get(desc.typeName) ?? ofMetadata ?? subjects.get('*');
  if (subject === undefined) note(`its subject is ${desc.typeName}, as Pact has none`);
  return {
    kind: 'event',
    ...named(json),
    desc,
    subject: subject ?? desc.typeName,
    headers: headersOf({ ...contents, metadata }, 'the message', importing),
    body: importContents(desc, contents, 'the message', importing),
  };
}

function named({ description, providerStates }: Json): Pick<Interaction, 'description' | 'states'> {
  const states = Array.isArray(providerStates) ? providerStates.map(objectOf) : [];
  return {
    description: String(description ?? ''),
    states: states.map(
      ({ name, params }): ProviderState => ({ name: String(name), params: objectOf(params) as JsonObject }),
    ),
  };
}

const STATE_VALUE = /^\$\{([^${}]+)\}$/;

function importContents(
  desc: DescMessage,
  { bytes, bodyRules, generators }: PactContents,
  place: string,
  { schema, note }: Importing,
): MessagePattern {
  const say = (text: string) => note(`${place}: ${text}`);
  const fromStates = new Map<string, string>();
  for (const [path, json] of Object.entries(objectOf(generators.body))) {
    const { type, expression } = objectOf(json);
    const [, name] = STATE_VALUE.exec(String(expression)) ?? [];
    if (type === 'ProviderState' && name !== undefined) fromStates.set(path, name);
    else say(`${path}: the generator "${type}" is left out: the example is sent`);
  }
  const rules = Object.entries(bodyRules).map(([path, of]) => ({ ...of, path, steps: parsePactPath(path) }));
  try {
    return importMessage(desc, { bytes, rules, fromStates, registry: schema.registry, note: say });
  } catch (error) {
    throw new Error(`${place}: ${desc.typeName}: ${reasonOf(error)}`, { cause: error });
  }
}

function headersOf(
  { metadata, metadataRules, generators }: PactContents,
  place: string,
  { note }: Importing,
): HeaderPatterns {
  for (const [name, json] of Object.entries(objectOf(generators.metadata))) {
    note(`${place}: metadata ${name}: the generator "${objectOf(json).type}" is left out: the example is sent`);
  }
  return importHeaders(metadata, metadataRules, { place, note });
}

function importFailure(
  status: string | undefined,
  message: string | undefined,
  { metadataRules }: PactContents,
  { note }: Importing,
): Failure | undefined {
  if (status === undefined || status === 'OK' || status === '0') return undefined;
  const code = /^\d+$/.test(status) ? toCode(Number(status)) : codeOfName(toConnectName(status));
  if (code === undefined) throw new Error(`response[0].metadata["grpc-status"]: "${status}" is no status of gRPC`);
  const { match } = metadataRules['grpc-status']?.matchers[0] ?? {};
  if (match !== undefined && match !== 'equality')
    note(`response: the rule "${match}" of grpc-status is left out: the status is equal`);
  return { code, message: importFailureMessage(message, metadataRules, note), details: [] };
}

// A plain text would be an example alone, but Pact compares it.
function importFailureMessage(
  message: string | undefined,
  rules: PactContents['metadataRules'],
  note: (text: string) => void,
): HeaderPattern {
  if (message === undefined) return { kind: 'equal', example: '' };
  const { 'grpc-message': pattern } = importHeaders({ 'grpc-message': message }, rules, { place: 'response', note });
  return pattern === undefined || pattern.kind === 'equal' ? { kind: 'anyOf', values: [message] } : pattern;
}

function toCode(number: number): Code | undefined {
  return number >= 1 && number <= 16 ? (number as Code) : undefined;
}

// The statuses of gRPC have the names of Connect's codes, but for one letter.
function toConnectName(status: string): string {
  const name = status.toLowerCase();
  return name === 'cancelled' ? 'canceled' : name;
}

function findMethod(name: string, { services }: Schema): DescMethod {
  const wanted = name.replace(/^\./, '');
  const methods = services.flatMap((service) => service.methods);
  return findOne(methods, wanted, nameOf, `pluginConfiguration.protobuf.service: ${name}`);
}

function findMessage(name: string, { registry }: Schema): DescMessage {
  const wanted = name.replace(/^\./, '');
  const messages = [...registry].filter((type) => type.kind === 'message');
  return findOne(messages, wanted, ({ typeName }) => typeName, `pluginConfiguration.protobuf.message: ${name}`);
}

// Older versions of the plugin leave out the package.
function findOne<T>(all: readonly T[], wanted: string, nameOfOne: (one: T) => string, place: string): T {
  const exact = all.find((one) => nameOfOne(one) === wanted);
  const found = exact ? [exact] : all.filter((one) => nameOfOne(one).endsWith(`.${wanted}`));
  const [one] = found;
  if (one === undefined) throw new Error(`${place}: is not in the descriptors`);
  if (found.length > 1) throw new Error(`${place}: is one of ${found.map(nameOfOne).join(', ')}`);
  return one;
}
