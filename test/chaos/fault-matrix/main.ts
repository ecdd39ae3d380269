// `make fault-matrix`: an order under every fault of the fault proxy, on everything that CreateOrder needs. Ctrl-C ends it and
// leaves nothing.
import { randomInt } from 'node:crypto';
import { print, runCommand } from '../../support/command.ts';
import { listCells } from './cells.ts';
import { runMatrix } from './matrix.ts';
import { isGreen } from './report.ts';
import { HELP, readMatrixSettings } from './settings.ts';

await runCommand(main);

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings = readMatrixSettings(args, () => randomInt(1_000_000));
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  if (!settings.isListOnly) return isGreen(await runMatrix(settings, print, signal)) ? 0 : 1;
  const { cells, skipped } = listCells(settings.only);
  for (const { name } of cells) print(name);
  for (const { name, reason } of skipped) print(`left out: ${name}: ${reason}`);
  return 0;
}
