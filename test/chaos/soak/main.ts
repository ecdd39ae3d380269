// `make soak`: load, SIGKILLs, then every invariant. Ctrl-C ends it and leaves nothing.
import { randomInt } from 'node:crypto';
import { describeError } from '#services/platform/errors.ts';
import { scrubSecrets } from '#services/platform/log.ts';
import { HELP, readSoakSettings, type SoakSettings } from './settings.ts';
import { runSoak } from './soak.ts';

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
  const settings: SoakSettings | undefined = readSoakSettings(process.argv.slice(2), () => randomInt(1_000_000));
  if (settings === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  return (await runSoak(settings, (text) => process.stdout.write(`${text}\n`), stop.signal)) ? 0 : 1;
}
