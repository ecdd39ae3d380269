// One soak from start to verdict: load, damage, rest, judgement.
import { pause } from '#services/platform/base/backoff.ts';
import { collectFacts } from '../../support/invariants/collect.ts';
import type { Facts, AcknowledgedOrder } from '../../support/invariants/facts.ts';
import { sourcesOf } from '../../support/invariants/invariants.ts';
import { judgeInvariants } from '../../support/invariants/judge.ts';
import { waitForQuiescence } from '../../support/invariants/quiescence.ts';
import { listViolations, renderVerdicts } from '../../support/invariants/table.ts';
import { type CallerDependencies, placeOrder } from './caller.ts';
import { type FaultInjection, startFaultInjection } from './fault-injection.ts';
import { createJournal, type Journal } from './journal.ts';
import { type Load, startLoad } from './load.ts';
import { findLogLines } from './log-lines.ts';
import { type SoakPlatform, startSoakPlatform } from './platform.ts';
import { createRandom, type Random } from './random.ts';
import { findShortfalls, renderProgress, renderReport } from './report.ts';
import { drawScenario } from './scenario.ts';
import type { SoakSettings } from './settings.ts';

const PROGRESS_MS = 10_000;
const REST_LIMIT_MS = 60_000;
const MAX_LISTED_FAULTS = 20;

/** Runs a soak and prints what it sees. Resolves to whether everything holds and enough was done; rejects when called off. */
export async function runSoak(
  settings: SoakSettings,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const { mode, minutes, seed, rate } = settings;
  write(`soak: ${mode} for ${minutes} min, seed ${seed}; starting the platform`);
  await using platform = await startSoakPlatform(signal, settings.logFile);
  const random = createRandom(seed);
  const journal = createJournal(mode);
  const caller: CallerDependencies = { orders: platform.orders, journal, signal };
  const run = `soak-${seed}`;
  const load = startLoad({ ...caller, random: random.fork('load'), run, rate });
  const damage = startFaultInjection({ stack: platform.stack, mode, random: random.fork('damage'), signal });
  await showProgress({ settings, journal, load, damage, write, signal });
  const loadEndMs = performance.now();
  await Promise.all([load.finish(), damage.finish()]);
  signal.throwIfAborted();

  write('the load is over: waiting until nothing is left to do');
  const restMs = await waitForRest(platform, mode === 'kills' ? damage.lastMs() : loadEndMs);
  const repeatedKeys = await repeatFailedKeys(caller, load.begun(), random.fork('load'), run);
  // What was never accepted before is accepted by its repeat: that too has to come to its end.
  await waitForQuiescence(sourcesOf(platform.stack), { timeoutMs: REST_LIMIT_MS });
  const facts = await collectFacts(sourcesOf(platform.stack), { acknowledged: journal.answers.map(({ acknowledged }) => acknowledged) });
  signal.throwIfAborted();
  return await conclude({ settings, journal, load, damage, facts, restMs, repeatedKeys, platform, write });
}

type Watched = {
  readonly settings: SoakSettings;
  readonly journal: Journal;
  readonly load: Load;
  readonly damage: FaultInjection;
  readonly write: (text: string) => void;
};

async function showProgress({ settings, journal, load, damage, write, signal }: Watched & { signal: AbortSignal }) {
  const startMs = performance.now();
  const over = AbortSignal.any([signal, AbortSignal.timeout(settings.minutes * 60_000), load.failed]);
  while (!over.aborted) {
    await pause(PROGRESS_MS, over);
    const { answers, failures } = journal;
    const figures = { scenarios: load.begun(), atOnce: load.atOnce(), outcomes: journal.countOutcomes() };
    write(renderProgress(performance.now() - startMs, { ...figures, answers, failures, kills: damage.kills }));
  }
}

/** How long it took from `sinceMs` until nothing was left to do; undefined when that is longer than a minute. */
async function waitForRest({ stack }: SoakPlatform, sinceMs: number): Promise<number | undefined> {
  const timeoutMs = Math.max(0, Math.round(REST_LIMIT_MS - (performance.now() - sinceMs)));
  const left = await waitForQuiescence(sourcesOf(stack), { timeoutMs });
  return left.length === 0 ? performance.now() - sinceMs : undefined;
}

// Repeating the key tells the truth: whoever had a failed call is acknowledged, at the end, what became of the order.
async function repeatFailedKeys(
  caller: CallerDependencies,
  begun: number,
  random: Random,
  run: string,
): Promise<number> {
  const failedKeys = new Set(caller.journal.failures.map(({ idempotencyKey }) => idempotencyKey));
  // The same chance draws the same scenarios again.
  const scenarios = Array.from({ length: begun }, (_, index) => drawScenario(random, run, index + 1));
  for (const { request } of scenarios) {
    if (!failedKeys.has(request.idempotencyKey)) continue;
    const answer = await placeOrder(caller, request);
    if (answer?.order === undefined) caller.journal.fault(`key ${request.idempotencyKey} is not answered at rest`);
  }
  return failedKeys.size;
}

type Outcome = Watched & {
  readonly facts: Facts;
  readonly restMs: number | undefined;
  readonly repeatedKeys: number;
  readonly platform: SoakPlatform;
};

async function conclude(outcome: Outcome): Promise<boolean> {
  const { settings, journal, load, damage, facts, restMs, repeatedKeys, platform, write } = outcome;
  const { answers, failures } = journal;
  const ended: Partial<Record<AcknowledgedOrder['status'], number>> = {};
  for (const { status } of facts.orders) ended[status] = (ended[status] ?? 0) + 1;
  const outcomes = journal.countOutcomes();
  const { kills, recoveries, outages } = damage;
  const acknowledged = { answers, failures, outcomes, ended, scenarios: load.begun(), repeatedKeys };
  const figures = { settings, ...acknowledged, kills, recoveries, outages, restMs };
  write(`\n${renderReport(figures)}\n`);
  const verdicts = judgeInvariants(facts);
  write(`${renderVerdicts(verdicts)}\n`);

  const statuses = new Map(facts.orders.map(({ orderId, status }) => [orderId, status]));
  const faults = [
    ...journal.faults,
    ...damage.faults,
    // Nobody who places an order needs the broker.
    ...(settings.mode === 'nats-down' ? journal.findFailuresWithin(outages) : []),
    ...journal.findContradictions(statuses),
  ];
  const violations = listViolations(verdicts);
  const shortcomings = findShortfalls(figures);
  listWords(write, 'acknowledged or struck, and wrong', faults);
  listWords(write, 'too little to tell', shortcomings);
  if (violations.length + faults.length > 0) {
    const lines = await findLogLines(platform.logFile, [...violations, ...faults]);
    listWords(write, 'what the parts printed about it', lines, lines.length);
  }
  const isWell = violations.length + faults.length + shortcomings.length === 0 && restMs !== undefined;
  write(isWell ? 'soak: everything holds' : `soak: FAILED; again with --mode ${settings.mode} --seed ${settings.seed}`);
  return isWell;
}

function listWords(
  write: (text: string) => void,
  title: string,
  words: readonly string[],
  most = MAX_LISTED_FAULTS,
): void {
  if (words.length === 0) return;
  write(`${title}:`);
  for (const word of words.slice(0, most)) write(`  - ${word}`);
  if (words.length > most) write(`  and ${words.length - most} more`);
}
