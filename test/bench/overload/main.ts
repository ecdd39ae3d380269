// `make overload`: ten times more orders than the platform can sustain. Ctrl-C ends it and leaves nothing.
import { writeFile } from 'node:fs/promises';
import { print, runCommand } from '../../support/command.ts';
import { findFaults, renderFigures } from './figures.ts';
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
  const faults = findFaults(figures);
  print(`\n${renderFigures(figures)}\n`);
  for (const fault of faults) print(`  NOT SO: ${fault}`);
  if (settings.jsonFile !== undefined) {
    await writeFile(settings.jsonFile, `${JSON.stringify({ ...figures, faults }, null, 2)}\n`);
  }
  print(faults.length === 0 ? 'overload: everything holds' : 'overload: FAILED');
  return faults.length === 0 ? 0 : 1;
}
