// `make fault-matrix`: an order under every fault of the fault proxy, on everything that CreateOrder needs. Ctrl-C ends it and
// leaves nothing.
import { randomInt } from 'node:crypto';
import { describeError } from '#services/platform/errors.ts';
import { scrubSecrets } from '#services/platform/log.ts';
import { listCells } from './cells.ts';
import { runMatrix } from './matrix.ts';
import { isGreen } from './report.ts';
import { HELP, readMatrixSettings } from './settings.ts';

const INTERRUPTED = 130;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // The second is from somebody who does not want to wait: the watchdog then ends what is left.
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    stop.abort(new Error('called off'));
  });
}

process.exitCode = await main().catch((error: unknown) => {
  if (stop.signal.aborted) return INTERRUPTED;
  process.stderr.write(`${scrubSecrets(describeError(error))}\n`);
  return 1;
});

async function main(): Promise<number> {
  const settings = readMatrixSettings(process.argv.slice(2), () => randomInt(1_000_000));
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  if (!settings.isListOnly) return isGreen(await runMatrix(settings, print, stop.signal)) ? 0 : 1;
  const { cells, leftOut } = listCells(settings.only);
  for (const { name } of cells) print(name);
  for (const { name, reason } of leftOut) print(`left out: ${name}: ${reason}`);
  return 0;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
