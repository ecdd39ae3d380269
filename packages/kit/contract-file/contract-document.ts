// The contract of one consumer with one provider as a Pact V4 document: interactions in a stable order, new ones merged
// into those that are there. What Pact cannot say is in `pluginConfiguration.touchstone`, which Pact's tools carry along.

import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { shorten } from '../base/format-value.ts';

/** A contract as it is in its file. */
export type ContractDocument = {
  readonly consumer: { readonly name: string };
  readonly provider: { readonly name: string };
  readonly interactions: readonly InteractionJson[];
  readonly metadata: JsonObject;
};

/** One interaction as it is in a file. Pact's own fields depend on the type. */
export type InteractionJson = {
  readonly type: 'Synchronous/HTTP' | 'Synchronous/Messages' | 'Asynchronous/Messages';
  readonly description: string;
  readonly providerStates?: readonly StateJson[];
  readonly pluginConfiguration: { readonly touchstone: JsonObject };
  readonly [pactField: string]: unknown;
};

export type StateJson = {
  readonly name: string;
  readonly params?: JsonObject;
};

/** The file could not be used: names the file or the interaction, and why. */
export class ContractFileError extends Error {}

const FORMAT_VERSION = '1';

/**
 * Returns the document with these interactions in it, each in the place of one with the same description and states; the
 * same document when they are all in it.
 *
 * @throws {ContractFileError} when the document there is between others.
 */
export function mergeDocument(
  existing: ContractDocument | undefined,
  consumer: string,
  provider: string,
  interactions: readonly InteractionJson[],
): ContractDocument {
  if (existing && (existing.consumer.name !== consumer || existing.provider.name !== provider)) {
    throw new ContractFileError(
      `the contract is between ${existing.consumer.name} and ${existing.provider.name}, not ${consumer} and ${provider}`,
    );
  }
  const merged = interactions.reduce(insertSorted, existing?.interactions ?? []);
  if (existing && merged === existing.interactions) return existing;
  return {
    consumer: { name: consumer },
    provider: { name: provider },
    interactions: merged,
    metadata: { pactSpecification: { version: '4.0' }, touchstone: { formatVersion: FORMAT_VERSION } },
  };
}

// Interactions are in the order of their keys, each key once, so the place of another is found by binary search.
function insertSorted(interactions: readonly InteractionJson[], added: InteractionJson): readonly InteractionJson[] {
  const key = keyOfJson(added);
  let from = 0;
  let to = interactions.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (keyAt(interactions, middle) < key) from = middle + 1;
    else to = middle;
  }
  const there = interactions[from];
  if (there === undefined || keyOfJson(there) !== key) return interactions.toSpliced(from, 0, added);
  return renderInteraction(there) === renderInteraction(added) ? interactions : interactions.with(from, added);
}

function keyAt(interactions: readonly InteractionJson[], index: number): string {
  return keyOfJson(interactions[index] as InteractionJson);
}

/** Returns the bytes of a document, in pieces: the same for the same interactions, whatever order they came in. */
export function renderDocument(document: ContractDocument): Uint8Array[] {
  const frame = JSON.stringify({ ...document, interactions: [place] }, undefined, 2);
  const [head = '', tail = ''] = frame.split(JSON.stringify(place));
  const pieces = document.interactions.flatMap((interaction, index) =>
    index === 0 ? [encodeInteraction(interaction)] : [separator, encodeInteraction(interaction)],
  );
  return [Buffer.from(head), ...pieces, Buffer.from(`${tail}\n`)];
}

const separator = Buffer.from(',\n    ');

// No consumer and no provider can have this name.
const place = '@';

// Each test adds one interaction to the document; the others are rendered from the cache.
const keyOfJson = memoizeByObject(({ description, providerStates = [] }: InteractionJson) =>
  JSON.stringify([description, providerStates]),
);
/** Returns the text of an interaction within its document. */
export const renderInteraction = memoizeByObject((json: InteractionJson) =>
  JSON.stringify(json, undefined, 2).split('\n').join('\n    '),
);

const encodeInteraction = memoizeByObject((json: InteractionJson) => Buffer.from(renderInteraction(json)));

function memoizeByObject<T extends object, R extends object | string>(compute: (object: T) => R): (object: T) => R {
  const known = new WeakMap<T, R>();
  return (object) => {
    const result = known.get(object) ?? compute(object);
    known.set(object, result);
    return result;
  };
}

/**
 * Returns the document that a text holds.
 *
 * @param source the file's name, for errors.
 * @throws {ContractFileError} naming the file and what is wrong with it.
 */
export function parseDocument(text: string, source: string): ContractDocument {
  const json = parseJson(text, source) as Partial<ContractDocument> | null;
  const fail = (fault: string): never => {
    throw new ContractFileError(`${source}: ${fault}`);
  };
  const { touchstone } = json?.metadata ?? {};
  if (json && !touchstone) {
    const advice = isProtobufPact(json) ? 'convert it with `kit import`, and keep it' : 'keep it';
    fail(
      `was not written by this kit (metadata.touchstone is missing), so it cannot be read: ${advice} in another folder`,
    );
  }
  if (typeof json?.consumer?.name !== 'string') fail('consumer.name is missing');
  if (typeof json?.provider?.name !== 'string') fail('provider.name is missing');
  if (!Array.isArray(json?.interactions)) fail('interactions is no list');
  const { version } = (json?.metadata?.pactSpecification ?? {}) as { version?: JsonValue };
  if (!/^4(\.|$)/.test(String(version))) fail(`metadata.pactSpecification.version is ${version}, not 4.0`);
  const written = (touchstone as { formatVersion?: JsonValue }).formatVersion;
  if (written !== FORMAT_VERSION) fail(`metadata.touchstone.formatVersion is ${written}, not ${FORMAT_VERSION}`);
  return {
    ...(json as ContractDocument),
    interactions: (json as ContractDocument).interactions.reduce(insertSorted, []),
  };
}

/** Returns whether a document is one that the protobuf plugin of Pact has written to. */
export function isProtobufPact(document: { readonly metadata?: unknown } | null | undefined): boolean {
  const { plugins } = (document?.metadata ?? {}) as { plugins?: unknown };
  return Array.isArray(plugins) && plugins.some((plugin: { name?: unknown } | null) => plugin?.name === 'protobuf');
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ContractFileError(`${source}: is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

// The name of a file and that of its lock must fit into the 255 bytes that file systems allow.
const MAX_NAME_BYTES = 100;
const NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_. -]*[\p{L}\p{N}_.])?$/u;
// The part before a dot is a device of Windows, whatever follows.
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * Returns the name of the file of a contract. Names with hyphens are joined by two, so that no other pair has the same file.
 *
 * @throws {TypeError} when a name cannot be part of a file name.
 */
export function fileNameOf(consumer: string, provider: string): string {
  for (const [role, name] of Object.entries({ consumer, provider })) {
    const fault = findNameFault(name);
    if (fault !== undefined) throw new TypeError(`${role}: "${shorten(name)}" ${fault}`);
  }
  const separator = consumer.includes('-') || provider.includes('-') ? '--' : '-';
  return `${consumer}${separator}${provider}.json`;
}

function findNameFault(name: string): string | undefined {
  if (!NAME.test(name) || name.includes('--')) {
    return 'is no name of letters, digits, dots, underscores, and single hyphens and spaces within it';
  }
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_NAME_BYTES)
    return `has ${bytes} bytes, more than the ${MAX_NAME_BYTES} that a file name has room for`;
  return DEVICE.test(name) ? 'is the name of a device on Windows, where no file can have it' : undefined;
}
