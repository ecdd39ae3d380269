// `make abuse`: attacks the order service of a platform of its own, and checks that honest customers hardly notice. Ctrl-C stops it and
// removes everything it started.
import { print, runCommand } from '../support/command.ts';
import { runAbuse } from './abuse.ts';
import { calmP99, findProblems, renderTable } from './report.ts';
import { HELP, readAbuseSettings } from './settings.ts';

await runCommand(main);

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readAbuseSettings(args);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  const figures = await runAbuse(settings, (line) => print(`abuse: ${line}`), signal);
  print(`\n${renderTable(figures)}\n`);
  const hasFailed = figures.some((row) => findProblems(row, calmP99(figures)).length > 0);
  print(hasFailed ? 'abuse: FAILED' : 'abuse: the service held');
  return hasFailed ? 1 : 0;
}
