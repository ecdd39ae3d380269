// What the contract tests of one run recorded, across their processes. `kit prune` names a folder to them in the environment; without it nothing
// is written.

import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The environment variable with the folder. */
export const RECORDED_RUN = 'TOUCHSTONE_KIT_RECORDED';

type Entry = { readonly file: string; readonly keys: readonly string[] };

/** Notes that a test has recorded these interactions, by their keys, in a contract file. */
export function noteRecorded(file: string, keys: readonly string[]): void {
  const directory = process.env[RECORDED_RUN];
  if (directory === undefined || directory === '') return;
  const entry: Entry = { file: resolve(file), keys };
  // A line is appended as a whole, and each process has a file of its own.
  appendFileSync(join(directory, `${process.pid}.jsonl`), `${JSON.stringify(entry)}\n`);
}

/** Returns the keys of what was recorded in each contract file, by its absolute path. */
export function readRecordedRun(directory: string): Map<string, Set<string>> {
  const recorded = new Map<string, Set<string>>();
  for (const name of readdirSync(directory)) {
    for (const line of readFileSync(join(directory, name), 'utf8').split('\n').filter(Boolean)) {
      const { file, keys } = JSON.parse(line) as Entry;
      recorded.set(file, new Set([...(recorded.get(file) ?? []), ...keys]));
    }
  }
  return recorded;
}
