// `make mutation`: mutates the code of each group and runs its unit tests on every mutant. Fails when a mutant survives that
// survivors/ does not explain, and when a group's score is too low. Results of earlier runs are reused where code and tests are
// the same; .mutation/ keeps them.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { print, runCommand } from '../support/command.ts';
import { GROUPS, type MutationGroup } from './groups.ts';
import { judgeGroup } from './judge.ts';
import { renderTable } from './render-table.ts';
import { type RunOptions, runGroup } from './run-group.ts';
import { SURVIVORS } from './survivors/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

await runCommand(main);

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      concurrency: { type: 'string', default: String(availableParallelism()) },
      force: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.filter((name) => !GROUPS.some((group) => group.name === name));
  if (unknown.length > 0) {
    throw new Error(`there is no group ${unknown.join(', ')}; there are ${GROUPS.map(({ name }) => name).join(', ')}`);
  }
  const groups = GROUPS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const options = { concurrency: Number(values.concurrency), force: values.force };
  const rows = [];
  // One after the other: each uses all the cores it may.
  for (const group of groups) rows.push(await judge(group, options));
  print(`\n${renderTable(rows)}`);
  return rows.every(({ problems }) => problems.length === 0) ? 0 : 1;
}

async function judge(group: MutationGroup, options: RunOptions) {
  print(`mutation: ${group.name}`);
  const startTime = performance.now();
  const results = await runGroup(group, options);
  const mutants = results.map((mutant) => ({ ...mutant, fileName: relative(ROOT, mutant.fileName) }));
  const judgement = judgeGroup(mutants, SURVIVORS, (file) => readFileSync(`${ROOT}/${file}`, 'utf8'));
  for (const problem of judgement.problems) print(`  ${problem}`);
  return { name: group.name, seconds: (performance.now() - startTime) / 1_000, ...judgement };
}
