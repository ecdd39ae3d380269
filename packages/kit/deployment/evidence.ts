// What shows that a version of a provider honours an interaction: the result of a verification, and its schema.

import type { InteractionJson } from '../contract-file/contract-document.ts';
import { digestOf } from '../contract-file/interaction-digest.ts';
import { readInteraction, type Schema } from '../contract-file/interaction-json.ts';
import { readBinaryImage, readJsonImage } from '../schema/image.ts';
import { linkSchema } from '../schema/load-schema.ts';
import { type InteractionResult, parseResults, resultsFileOf } from './verification-results.ts';

/** What is known of one version of a provider. */
export type Evidence = {
  /** By digest; `undefined` if results do not count. */
  readonly results: ReadonlyMap<string, InteractionResult> | undefined;
  /** `undefined` if the schema does not count. */
  readonly schema: Schema | undefined;
  /** Why there is no evidence at all. */
  readonly gap: string | undefined;
};

type Source = {
  readonly version: string;
  /** The folder of results; `undefined` if they do not count. */
  readonly results: string | undefined;
  /** The descriptor set; `undefined` if it does not count. */
  readonly descriptors: string | undefined;
  read(path: string): Promise<Buffer | undefined>;
};

/**
 * Reads the evidence of a version of a provider.
 *
 * @throws {DeploymentError} {SchemaError} A file of the version cannot be read.
 */
export async function readEvidence(provider: string, source: Source): Promise<Evidence> {
  const { version, descriptors, read } = source;
  const gaps: string[] = [];
  let results: Evidence['results'];
  let schema: Schema | undefined;
  if (source.results !== undefined) {
    const path = `${source.results}/${resultsFileOf(provider)}`;
    const bytes = await read(path);
    if (bytes)
      results = new Map(parseResults(String(bytes), `${path} at ${version}`).map((result) => [result.digest, result]));
    else gaps.push(`${version} has no ${path}`);
  }
  if (descriptors !== undefined) {
    const bytes = await read(descriptors);
    if (bytes) schema = linkDescriptors(bytes, descriptors, version);
    else gaps.push(`${version} has no ${descriptors}`);
  }
  return { results, schema, gap: gaps[0] };
}

function linkDescriptors(bytes: Buffer, path: string, version: string): Schema {
  const source = `${path} at ${version}`;
  const image = path.endsWith('.json') ? readJsonImage(String(bytes), source) : readBinaryImage(bytes, source);
  return linkSchema(image, source);
}

/** Returns why the provider does not honour an interaction, or may not; `undefined` if it does. */
export function findProblem(json: InteractionJson, { results, schema, gap }: Evidence): string | undefined {
  if (gap !== undefined) return gap;
  const misfit = schema && findMisfit(json, schema);
  if (misfit !== undefined) return `does not fit the schema: ${misfit}`;
  if (!results) return undefined;
  const result = results.get(digestOf(json));
  if (!result) return 'was not verified with this version';
  return result.isHonoured ? undefined : 'was verified with this version, which does not honour it';
}

function findMisfit(json: InteractionJson, schema: Schema): string | undefined {
  try {
    readInteraction(json, schema);
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^"[^"]*": /, '');
  }
}
