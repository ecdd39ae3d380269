// `make mutants`: breaks production code on purpose, one promise at a time, and wants a named test to notice each.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describeError } from '#services/platform/base/errors.ts';
import { print, runCommand } from '../../support/command.ts';
import { findRedTests, judgeMutant } from './judge.ts';
import { findListFaults, type Mutant, type NamedTest } from './mutant.ts';
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
  if (mutants.length === 0) throw new Error(`no mutant has a name with ${wanted.join(' or ')} in it`);
  const faults = findListFaults(all);
  if (faults.length > 0) throw new Error(faults.join('\n'));

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

  const waiting = [...mutants];
  const rows: Row[] = [];
  await Promise.all(
    sandboxes.map(async (sandbox) => {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
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

/** Unchanged code has to be right, and every named test has to be there: else nothing that follows means anything. */
async function requireGreen(sandbox: Sandbox, tests: readonly NamedTest[]): Promise<void> {
  print(
    `mutants: ${new Set(tests.map(({ file, name }) => `${file} ${name}`)).size} named tests on unchanged code first`,
  );
  const typeFaults = await sandbox.findTypeFaults();
  if (typeFaults !== '') throw new Error(`unchanged code does not type-check:\n${typeFaults}`);
  const red = findRedTests(tests, await sandbox.runTests(tests));
  if (red.length > 0) throw new Error(`unchanged code is red:\n${red.map((words) => `  ${words}`).join('\n')}`);
}

async function tryMutant(sandbox: Sandbox, mutant: Mutant, signal: AbortSignal): Promise<Row> {
  const startMs = performance.now();
  const row = (verdict: Row['verdict']): Row => ({ name: mutant.name, verdict, tookMs: performance.now() - startMs });
  try {
    await using _applied = await sandbox.apply(mutant);
    const typeFaults = await sandbox.findTypeFaults();
    if (typeFaults !== '')
      return row({ kind: 'broken', words: `it does not type-check: ${typeFaults.split('\n', 1)[0]}` });
    return row(judgeMutant(mutant.caughtBy, await sandbox.runTests(mutant.caughtBy)));
  } catch (error) {
    if (signal.aborted) throw error;
    return row({ kind: 'broken', words: describeError(error) });
  }
}
