// What the contract tests found when they last verified each provider, kept outside of git for the console. One file for each consumer,
// provider and kind, so that test files that run beside each other write different ones.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Verification } from '@touchstone/kit';

/** The folder of the results. */
const VERIFICATIONS = fileURLToPath(new URL('../../../.tools/verification/', import.meta.url));

/**
 * Keeps what came of verifying the real provider against `contractFile`, honoured or not.
 *
 * @param kind Calls and events of one contract are verified by different test files.
 */
export async function keepVerification(
  contractFile: string,
  kind: 'calls' | 'events',
  { interactions }: Pick<Verification, 'interactions'>,
  directory: string = VERIFICATIONS,
): Promise<void> {
  const digest = createHash('sha256')
    .update(await readFile(contractFile))
    .digest('hex');
  const results = interactions.map(({ title, checks }) => ({
    title,
    isHonoured: checks.every(({ differences, fault }) => differences.length === 0 && fault === undefined),
  }));
  await mkdir(directory, { recursive: true });
  const name = `${basename(contractFile, '.json')}.${kind}.json`;
  // The console may read at any time.
  const draft = join(directory, `.${name}`);
  const content = { contract: basename(contractFile), digest, time: new Date().toISOString(), interactions: results };
  await writeFile(draft, `${JSON.stringify(content, undefined, 2)}\n`);
  await rename(draft, join(directory, name));
}
