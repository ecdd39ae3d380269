// A copy of the contracts in a folder of its own, to be broken on purpose and held against the gates of `make breaking`.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BUF = join(ROOT, 'node_modules/.bin/buf');

export interface ContractCopy extends AsyncDisposable {
  /** Replaces the one place where `before` stands in a file under proto/. Throws when it stands nowhere, or twice. */
  edit(file: string, before: string, after: string): Promise<void>;
  /** Removes a file under proto/. */
  remove(file: string): Promise<void>;
  /** Holds the copy against the released contract; returns the rules it breaks, none twice. */
  findBreakingRules(): Promise<string[]>;
  /** Lints the copy; returns the rules it breaks, none twice. */
  findLintRules(): Promise<string[]>;
}

export async function copyContract(): Promise<ContractCopy> {
  const directory = await mkdtemp(join(tmpdir(), 'touchstone-contract-'));
  await cp(join(ROOT, 'proto'), join(directory, 'proto'), { recursive: true });
  await cp(join(ROOT, 'buf.yaml'), join(directory, 'buf.yaml'));
  return {
    async edit(file, before, after) {
      const path = join(directory, 'proto', file);
      const parts = (await readFile(path, 'utf8')).split(before);
      if (parts.length !== 2) throw new Error(`${file} holds ${parts.length - 1} times: ${before}`);
      await writeFile(path, parts.join(after));
    },
    remove: (file) => rm(join(directory, 'proto', file)),
    findBreakingRules: () => findRules(directory, ['breaking', '--against', 'proto/released.binpb']),
    findLintRules: () => findRules(directory, ['lint']),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

async function findRules(directory: string, command: string[]): Promise<string[]> {
  const { code, output, complaint } = await runBuf(directory, [...command, '--error-format', 'json']);
  const rules = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  // A copy that does not compile would be refused by no gate's rule.
  if (rules.includes('COMPILE') || (code === 0) !== (rules.length === 0))
    throw new Error(`buf ${command[0]} ended with ${code}: ${output}${complaint}`);
  return [...new Set(rules)].sort();
}

function runBuf(directory: string, words: string[]): Promise<{ code: unknown; output: string; complaint: string }> {
  return new Promise((resolve) => {
    execFile(BUF, words, { cwd: directory }, (error, output, complaint) => {
      resolve({ code: error ? error.code : 0, output, complaint });
    });
  });
}
