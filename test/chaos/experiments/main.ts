// `make chaos`: breaks the platform by experiments and rules on each. Ctrl-C ends it, leaves nothing, and still writes the report.
import { randomInt } from 'node:crypto';
import { describeError } from '#services/platform/errors.ts';
import { scrubSecrets } from '#services/platform/log.ts';
import { EXPERIMENTS } from './catalogue.ts';
import { runAll } from './runner/run-all.ts';
import { HELP, readChaosSettings, SettingsError } from './runner/settings.ts';

const BAD_OPTION = 2;
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
  process.stderr.write(`${scrubSecrets(describeError(error))}\n`);
  if (error instanceof SettingsError) return BAD_OPTION;
  return stop.signal.aborted ? INTERRUPTED : 1;
});

async function main(): Promise<number> {
  const names = EXPERIMENTS.map(({ name }) => name);
  const settings = readChaosSettings(process.argv.slice(2), names, () => randomInt(1_000_000));
  if (settings === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  if (settings.lists) {
    const width = Math.max(...names.map(({ length }) => length));
    for (const { name, title } of EXPERIMENTS) process.stdout.write(`${name.padEnd(width)}  ${title}\n`);
    return 0;
  }
  const { experiments = names, seed, folder } = settings;
  const chosen = experiments.flatMap((name) => EXPERIMENTS.filter((experiment) => experiment.name === name));
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  write(`chaos: ${chosen.length} experiments, seed ${seed}`);
  const isWell = await runAll({ experiments: chosen, seed, folder, write, signal: stop.signal });
  if (stop.signal.aborted) return INTERRUPTED;
  write(isWell ? 'chaos: every experiment that this machine can do is upheld' : 'chaos: FAILED, as the report tells');
  return isWell ? 0 : 1;
}
