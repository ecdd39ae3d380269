// `make overload`: ten times more orders than the platform can sustain. Ctrl-C ends it and leaves nothing.
import { writeFile } from 'node:fs/promises';
import { describeError } from '../../../services/platform/errors.ts';
import { scrubSecrets } from '../../../services/platform/log.ts';
import { findFaults, renderFigures } from './figures.ts';
import { runOverload } from './overload.ts';
import { HELP, readOverloadSettings } from './settings.ts';

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
  const settings = readOverloadSettings(process.argv.slice(2));
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  const figures = await runOverload(settings, (text) => print(`overload: ${text}`), stop.signal);
  const faults = findFaults(figures);
  print(`\n${renderFigures(figures)}\n`);
  for (const fault of faults) print(`  NOT SO: ${fault}`);
  if (settings.jsonFile !== undefined) {
    await writeFile(settings.jsonFile, `${JSON.stringify({ ...figures, faults }, null, 2)}\n`);
  }
  print(faults.length === 0 ? 'overload: everything holds' : 'overload: FAILED');
  return faults.length === 0 ? 0 : 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
