// `make test-repeat`: runs the tests N times in random order, every second time beside a busy core, and counts what failed. Ctrl-C
// ends the current run and prints what failed until then.
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { INTERRUPTED, print, runCommand } from '../command.ts';
import { repeatRuns } from './repeat.ts';
import { renderReport } from './report.ts';
import { runVitest } from './run-vitest.ts';
import { readRepeatSettings } from './settings.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDER = '.data/test-repeat';
const LIMIT_MS = 3_600_000;

await runCommand(main);

async function main(given: readonly string[], signal: AbortSignal): Promise<number> {
  // An even seed: the first run has no busy core.
  const settings = readRepeatSettings(given, () => 2 * randomInt(500_000));
  const { runs, firstSeed, vitestArguments } = settings;
  print(`test-repeat: runs ${runs} times, seeds ${firstSeed} to ${firstSeed + runs - 1}; an odd seed has a busy core`);
  const runOnce = (run: Parameters<typeof runVitest>[0]) =>
    runVitest(run, { root: ROOT, folder: FOLDER, arguments: vitestArguments, limitMs: LIMIT_MS, signal });
  const results = await repeatRuns(settings, { runOnce, print }, signal);
  print(`\n${renderReport(results, runs)}`);
  if (signal.aborted) return INTERRUPTED;
  return results.every(({ failures }) => failures.length === 0) ? 0 : 1;
}
