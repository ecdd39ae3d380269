// `make mutants`: applies each mutant to a copy of the repository and runs its named tests, one of which has to fail. MUTANT=<text>
// selects mutants by name.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError } from '#services/platform/base/errors.ts';
import { print, runCommand } from '../../support/command.ts';
import { findRedTests, judgeMutant } from './judge.ts';
import { findListProblems, findStaleMutants, type Mutant, type NamedTest } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { REVIEWER_MUTANTS } from './reviewer-mutants.ts';
import { openSandbox, type Sandbox } from './sandbox.ts';
import { type Row, renderTable } from './table.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MAX_SANDBOXES = 2;

await runCommand(main);

async function main(wanted: readonly string[], signal: AbortSignal): Promise<number> {
  const all = [...MUTANTS, ...REVIEWER_MUTANTS];
  const mutants = wanted.length === 0 ? all : all.filter(({ name }) => wanted.some((word) => name.includes(word)));
  if (mutants.length === 0) throw new Error(`no mutant has ${wanted.join(' or ')} in its name`);
  const problems = [...findListProblems(all), ...(await findStaleMutants(all, readSource))];
  if (problems.length > 0) throw new Error(problems.join('\n'));

  await using resources = new AsyncDisposableStack();
  const sandboxes: Sandbox[] = [];
  while (sandboxes.length < Math.min(MAX_SANDBOXES, availableParallelism(), mutants.length)) {
    sandboxes.push(resources.use(await openSandbox(ROOT, signal)));
  }
  const [first] = sandboxes;
  if (first === undefined) throw new Error('there is no sandbox');
  await requireGreen(
    first,
    mutants.flatMap(({ caughtBy }) => caughtBy),
  );

  const queue = [...mutants];
  const rows: Row[] = [];
  await Promise.all(
    sandboxes.map(async (sandbox) => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const row = await tryMutant(sandbox, mutant, signal);
        rows.push(row);
        print(`  ${String(rows.length).padStart(3)}/${mutants.length} ${row.verdict.kind}: ${row.name}`);
      }
    }),
  );
  const order = mutants.map(({ name }) => name);
  rows.sort((one, other) => order.indexOf(one.name) - order.indexOf(other.name));
  print(`\n${renderTable(rows)}`);
  return rows.every(({ verdict }) => verdict.kind === 'caught') ? 0 : 1;
}

/** Reads a file of the repository; undefined when it does not exist. */
async function readSource(path: string): Promise<string | undefined> {
  const file = join(ROOT, path);
  return existsSync(file) ? await readFile(file, 'utf8') : undefined;
}

/** Requires every named test to exist and to pass on unchanged code: otherwise its failure would prove nothing. */
async function requireGreen(sandbox: Sandbox, tests: readonly NamedTest[]): Promise<void> {
  print(
    `mutants: ${new Set(tests.map(({ file, name }) => `${file} ${name}`)).size} named tests on unchanged code first`,
  );
  const typeErrors = await sandbox.findTypeErrors();
  if (typeErrors !== '') throw new Error(`unchanged code does not type-check:\n${typeErrors}`);
  const red = findRedTests(tests, await sandbox.runTests(tests));
  if (red.length > 0) throw new Error(`unchanged code is red:\n${red.map((line) => `  ${line}`).join('\n')}`);
}

async function tryMutant(sandbox: Sandbox, mutant: Mutant, signal: AbortSignal): Promise<Row> {
  const startMs = performance.now();
  const row = (verdict: Row['verdict']): Row => ({ name: mutant.name, verdict, tookMs: performance.now() - startMs });
  try {
    await using _applied = await sandbox.apply(mutant);
    const typeErrors = await sandbox.findTypeErrors();
    if (typeErrors !== '')
      return row({ kind: 'broken', reason: `it does not type-check: ${typeErrors.split('\n', 1)[0]}` });
    return row(judgeMutant(mutant.caughtBy, await sandbox.runTests(mutant.caughtBy)));
  } catch (error) {
    if (signal.aborted) throw error;
    return row({ kind: 'broken', reason: describeError(error) });
  }
}
