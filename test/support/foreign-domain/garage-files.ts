// What the commands need in a folder: the descriptors of the garage, the contracts of its consumer and their usage.
import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SOURCE = fileURLToPath(new URL('./', import.meta.url));
const run = promisify(execFile);

export type GarageFiles = {
  readonly folder: string;
  readonly descriptors: string;
  readonly contracts: string;
  readonly usage: string;
  /** The command line of the consumer's contract tests, but for the folder of contracts. */
  consumerWith(contracts: string): string;
};

/** Writes the files into a folder in which Node finds the kit, and runs the consumer's contract tests there. */
export async function writeGarage(folder: string, env: NodeJS.ProcessEnv): Promise<GarageFiles> {
  const [descriptors, contracts, usage] = ['garage.binpb', 'contracts', 'usage'].map((name) => join(folder, name));
  for (const name of ['proto', 'call.ts', 'consumer.ts', 'examples.ts', 'expected-calls.ts']) {
    await cp(join(SOURCE, name), join(folder, name), { recursive: true });
  }
  await run('buf', ['build', join(folder, 'proto'), '--output', descriptors as string]);
  const given = (into: string) => [join(folder, 'consumer.ts'), descriptors, into, usage] as string[];
  await run(process.execPath, given(contracts as string), { cwd: folder, env });
  return {
    folder,
    descriptors: descriptors as string,
    contracts: contracts as string,
    usage: usage as string,
    consumerWith: (into) => [process.execPath, ...given(into)].map((text) => `"${text}"`).join(' '),
  };
}
