// `make chaos`: runs the chaos experiments one after the other and writes a report with a verdict for each. Ctrl-C stops it, removes
// everything it started, and still writes the report.
import { randomInt } from 'node:crypto';
import { INTERRUPTED, print, runCommand } from '../../support/command.ts';
import { EXPERIMENTS } from './catalogue.ts';
import { runAll } from './runner/run-all.ts';
import { HELP, readChaosSettings, SettingsError } from './runner/settings.ts';

const BAD_OPTION = 2;

await runCommand(main, (error) => (error instanceof SettingsError ? BAD_OPTION : 1));

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const names = EXPERIMENTS.map(({ name }) => name);
  const settings = readChaosSettings(args, names, () => randomInt(1_000_000));
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  if (settings.list) {
    const width = Math.max(...names.map(({ length }) => length));
    for (const { name, title } of EXPERIMENTS) print(`${name.padEnd(width)}  ${title}`);
    return 0;
  }
  const { experiments = names, seed, folder } = settings;
  const chosen = experiments.flatMap((name) => EXPERIMENTS.filter((experiment) => experiment.name === name));
  print(`chaos: ${chosen.length} experiments, seed ${seed}`);
  const passed = await runAll({ experiments: chosen, seed, folder, write: print, signal });
  if (signal.aborted) return INTERRUPTED;
  print(passed ? 'chaos: every experiment that this machine supports is upheld' : 'chaos: FAILED, see the report');
  return passed ? 0 : 1;
}
