// `make overload`: finds the rate of orders that the platform sustains, requests ten times as many, and checks that accepted orders stay
// about as fast, all others are refused at once with RetryInfo, memory is freed, and every invariant holds. Ctrl-C stops it and removes
// everything it started.
import { writeFile } from 'node:fs/promises';
import { print, runCommand } from '../../support/command.ts';
import { findProblems, renderFigures } from './figures.ts';
import { runOverload } from './overload.ts';
import { HELP, readOverloadSettings } from './settings.ts';

await runCommand(main);

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readOverloadSettings(args);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  const figures = await runOverload(settings, (text) => print(`overload: ${text}`), signal);
  const problems = findProblems(figures);
  print(`\n${renderFigures(figures)}\n`);
  for (const problem of problems) print(`  FAILED: ${problem}`);
  if (settings.jsonFile !== undefined) {
    await writeFile(settings.jsonFile, `${JSON.stringify({ ...figures, problems }, null, 2)}\n`);
  }
  print(problems.length === 0 ? 'overload: everything holds' : 'overload: FAILED');
  return problems.length === 0 ? 0 : 1;
}
