// `make soak`: runs the platform under load with random SIGKILLs or an outage, then judges every invariant. Prints the seed, which
// repeats the same decisions. Ctrl-C ends it and removes everything it started.
import { randomInt } from 'node:crypto';
import { print, runCommand } from '../../support/command.ts';
import { HELP, readSoakSettings, type SoakSettings } from './settings.ts';
import { runSoak } from './soak.ts';

await runCommand(main);

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const settings: SoakSettings | undefined = readSoakSettings(args, () => randomInt(1_000_000));
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  return (await runSoak(settings, print, signal)) ? 0 : 1;
}
