// The cluster test from start to verdict: load, one kill after the other, quiescence, judgement.
import { pause } from '#services/platform/base/backoff.ts';
import { checkInvariants, listViolations, sourcesOf } from '../../support/invariants/invariants.ts';
import { renderVerdicts } from '../../support/invariants/table.ts';
import { createJournal } from '../soak/journal.ts';
import { startLoad } from '../soak/load.ts';
import { createRandom } from '../soak/random.ts';
import { listKills } from './kills.ts';
import { startClusterPlatform } from './platform.ts';
import { countViolations, longestGap, renderKill, seconds } from './report.ts';
import type { ClusterSettings } from './settings.ts';

const SEED = 18;
const QUIESCENCE_LIMIT_MS = 120_000;
const MAX_LISTED = 20;

/** Runs the test and prints its report. Resolves to whether nothing was lost or doubled; rejects when aborted. */
export async function runClusterTest(
  { rate, pauseMs, only, logFile }: ClusterSettings,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  write('cluster-test: starting three brokers, a database server with a standby, and two replicas of each service');
  await using platform = await startClusterPlatform(signal, logFile);
  const kills = listKills(platform).filter(({ name }) => name.includes(only));
  if (kills.length === 0) throw new Error(`--only: no kill has a name that contains ${only}`);
  const journal = createJournal('kills');
  const random = createRandom(SEED);
  const load = startLoad({ orders: platform.orders, journal, signal, random, run: `cluster-${process.pid}`, rate });
  const acceptedMs = (): number[] => journal.answers.map(({ atMs }) => atMs);
  const startMs = performance.now();
  for (const { name, run } of kills) {
    await pause(pauseMs, signal);
    signal.throwIfAborted();
    const killedMs = performance.now();
    await run();
    const recoveredMs = performance.now();
    await pause(pauseMs, signal);
    write(renderKill(name, recoveredMs - killedMs, longestGap(acceptedMs(), killedMs, performance.now())));
  }
  const endMs = performance.now();
  await load.finish();
  signal.throwIfAborted();

  write('the load is over: waiting for quiescence');
  const acknowledged = journal.answers.map((answer) => answer.acknowledged);
  const verdicts = await checkInvariants(sourcesOf(platform.stack), { acknowledged, timeoutMs: QUIESCENCE_LIMIT_MS });
  signal.throwIfAborted();
  write(`${renderVerdicts(verdicts)}\n`);
  const faults = [...listViolations(verdicts), ...journal.faults];
  for (const fault of faults.slice(0, MAX_LISTED)) write(`  - ${fault}`);
  const { lost, doubled } = countViolations(verdicts);
  write(
    `${kills.length} kills, ${acknowledged.length} answered orders, ${journal.failures.length} calls failed and were made again`,
  );
  write(
    `lost ${lost}, doubled ${doubled}, longest time without an accepted order ${seconds(longestGap(acceptedMs(), startMs, endMs)).trim()}`,
  );
  return faults.length === 0 && acknowledged.length > 0;
}
