// A Pact file of the protobuf plugin: what is in it, and where. Every fault names the field.

import type { JsonObject } from '@bufbuild/protobuf';
import { ContractFileError, isProtobufPact } from '../contract-file/contract-document.ts';
import type { PactRule, PactRules } from './pact-path.ts';

/** A value of a Pact file. */
export type Json = Readonly<Record<string, unknown>>;

/** A Pact file. */
export type PactDocument = {
  readonly consumer: string;
  readonly provider: string;
  readonly interactions: readonly Json[];
  /** Descriptor sets by their key, in base64. */
  readonly descriptors: ReadonlyMap<string, string>;
};

/** The message of a request, an answer or an event. */
export type PactContents = {
  readonly bytes: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  readonly bodyRules: Readonly<Record<string, PactRules>>;
  readonly metadataRules: Readonly<Record<string, PactRules>>;
  readonly generators: Json;
};

/**
 * Returns what is in a Pact file of the protobuf plugin.
 *
 * @throws {ContractFileError} naming the file and the field that is wrong.
 */
export function parsePactDocument(text: string, source: string): PactDocument {
  const fail = (fault: string): never => {
    throw new ContractFileError(`${source}: ${fault}`);
  };
  const json = parse(text, fail);
  const metadata = objectOf(json.metadata);
  if (metadata.touchstone) fail('was written by this kit and needs no import');
  const version = String(objectOf(metadata.pactSpecification).version ?? '');
  if (!version.startsWith('4')) fail(`metadata.pactSpecification.version is ${version || 'missing'}, not 4.0`);
  if (!isProtobufPact(json)) fail('metadata.plugins does not have the plugin "protobuf"');
  const nameOf = (role: 'consumer' | 'provider'): string => {
    const { name } = objectOf(json[role]);
    return typeof name === 'string' ? name : fail(`${role}.name is missing`);
  };
  const { interactions } = json;
  if (!Array.isArray(interactions)) return fail('interactions is no list');
  const configurations = pluginsOf(json).flatMap(({ configuration }) => Object.entries(objectOf(configuration)));
  const descriptors = configurations.flatMap(([key, configuration]): [string, string][] => {
    const { protoDescriptors } = objectOf(configuration);
    return typeof protoDescriptors === 'string' ? [[key, protoDescriptors]] : [];
  });
  return {
    consumer: nameOf('consumer'),
    provider: nameOf('provider'),
    interactions: interactions.map(objectOf),
    descriptors: new Map(descriptors),
  };
}

/**
 * Returns the message in `contents`.
 *
 * @throws {Error} naming the field that is wrong.
 */
export function readContents(json: Json, place: string): PactContents {
  const { content, encoded } = objectOf(json.contents);
  const rules = objectOf(json.matchingRules);
  const { contentType: _, ...metadata } = objectOf(json.metadata);
  return {
    bytes: decode(content, encoded, `${place}.contents`),
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), textOf(value)])),
    bodyRules: readRules(objectOf(rules.body), `${place}.matchingRules.body`),
    metadataRules: lowerCase(readRules(objectOf(rules.metadata), `${place}.matchingRules.metadata`)),
    generators: objectOf(json.generators),
  };
}

function decode(content: unknown, encoded: unknown, place: string): Uint8Array {
  if (content === undefined || content === null || content === '') return new Uint8Array();
  if (typeof content !== 'string') throw new Error(`${place}.content is no text`);
  if (String(encoded).toLowerCase() !== 'base64') throw new Error(`${place}.encoded is ${encoded}, not base64`);
  const bytes = Buffer.from(content, 'base64');
  if (bytes.toString('base64').replaceAll('=', '') !== content.replaceAll('=', '')) {
    throw new Error(`${place}.content is not base64`);
  }
  return bytes;
}

function readRules(json: Json, place: string): Record<string, PactRules> {
  return Object.fromEntries(
    Object.entries(json).map(([path, value]) => {
      const { combine = 'AND', matchers } = objectOf(value);
      const isList = Array.isArray(matchers) && matchers.every((rule) => typeof objectOf(rule).match === 'string');
      if (!isList) throw new Error(`${place}["${path}"].matchers is no list of rules`);
      return [path, { combine: String(combine), matchers: matchers as PactRule[] }];
    }),
  );
}

function lowerCase<T>(entries: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => [name.toLowerCase(), value]));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function pluginsOf(json: Json): readonly Json[] {
  const { plugins } = objectOf(json.metadata);
  return Array.isArray(plugins) ? plugins.map(objectOf) : [];
}

/** Returns a value that is an object; an empty one in place of others. */
export function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function parse(text: string, fail: (fault: string) => never): Json {
  try {
    return objectOf(JSON.parse(text));
  } catch (error) {
    return fail(`is not JSON: ${(error as Error).message}`);
  }
}
