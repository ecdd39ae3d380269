// The results of verifications, as a file for each provider that is kept in git: which interactions its version honours.

import { join } from 'node:path';
import { plainText, SharedFile } from '../base/shared-file.ts';
import { fileNameOf } from '../contract-file/contract-document.ts';
import type { Verification, VerifiedInteraction } from '../verification/verification.ts';
import { DeploymentError } from './deployment-error.ts';

/** What came of one interaction. */
export type InteractionResult = {
  readonly consumer: string;
  /** The description and the states. */
  readonly title: string;
  /** Of all that the consumer relies on. */
  readonly digest: string;
  readonly isHonoured: boolean;
};

const FORMAT_VERSION = '1';

/**
 * Writes what came of a verification to `<directory>/<provider>.json`, one file for each provider. Results of interactions that it did not
 * verify are kept, such as those of events.
 *
 * @returns the paths of the files.
 * @throws {DeploymentError} A file there is not one of results.
 */
export async function writeVerification(directory: string, { interactions }: Verification): Promise<string[]> {
  const byProvider = new Map<string, InteractionResult[]>();
  for (const verified of interactions) {
    byProvider.set(verified.provider, [...(byProvider.get(verified.provider) ?? []), toResult(verified)]);
  }
  const paths: string[] = [];
  for (const [provider, results] of byProvider) {
    const path = join(directory, resultsFileOf(provider));
    const keys = new Set(results.map(keyOf));
    await new SharedFile(path, plainText).update((before) => {
      const kept = before === undefined ? [] : parseResults(before, path).filter((result) => !keys.has(keyOf(result)));
      return render(provider, [...kept, ...results]);
    });
    paths.push(path);
  }
  return paths;
}

/** Returns the name of the file with the results of a provider. */
export function resultsFileOf(provider: string): string {
  // The rules for names are those of contracts.
  fileNameOf(provider, provider);
  return `${provider}.json`;
}

function toResult({ consumer, title, digest, checks }: VerifiedInteraction): InteractionResult {
  const isHonoured = checks.every(({ differences, fault }) => differences.length === 0 && fault === undefined);
  return { consumer, title, digest, isHonoured };
}

function keyOf({ consumer, title }: InteractionResult): string {
  return JSON.stringify([consumer, title]);
}

function render(provider: string, results: readonly InteractionResult[]): string {
  const interactions = results.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return `${JSON.stringify({ touchstone: 'verification', formatVersion: FORMAT_VERSION, provider, interactions }, undefined, 2)}\n`;
}

/** @throws {DeploymentError} naming the source if the text is not one of results. */
export function parseResults(text: string, source: string): InteractionResult[] {
  const json = parseJson(text, source);
  if (json?.touchstone !== 'verification') throw new DeploymentError(`${source}: has no results of a verification`);
  if (json.formatVersion !== FORMAT_VERSION) {
    throw new DeploymentError(
      `${source}: has the format version ${json.formatVersion}, but only ${FORMAT_VERSION} can be read`,
    );
  }
  if (!Array.isArray(json.interactions)) throw new DeploymentError(`${source}: interactions is not a list`);
  return json.interactions as InteractionResult[];
}

function parseJson(text: string, source: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown> | null;
  } catch (error) {
    throw new DeploymentError(`${source}: is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
