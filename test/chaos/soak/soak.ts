// A soak from start to verdict: load with fault injection, quiescence, judgement.
import { pause } from '#services/platform/base/backoff.ts';
import { collectFacts } from '../../support/invariants/collect.ts';
import type { AcknowledgedOrder, Facts } from '../../support/invariants/facts.ts';
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
const QUIESCENCE_LIMIT_MS = 60_000;
const MAX_LISTED_FAULTS = 20;

/** Runs a soak and prints its report. Resolves to whether everything holds and enough was done; rejects when aborted. */
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
  const faultInjection = startFaultInjection({ stack: platform.stack, mode, random: random.fork('damage'), signal });
  await showProgress({ settings, journal, load, faultInjection, write, signal });
  const loadEndMs = performance.now();
  await Promise.all([load.finish(), faultInjection.finish()]);
  signal.throwIfAborted();

  write('the load is over: waiting for quiescence');
  const quiescentMs = await measureQuiescence(platform, mode === 'kills' ? faultInjection.lastMs() : loadEndMs);
  const retriedKeys = await retryFailedKeys(caller, load.started(), random.fork('load'), run);
  // A retry may have created an order that no earlier call created: it has to reach its end state, too.
  await waitForQuiescence(sourcesOf(platform.stack), { timeoutMs: QUIESCENCE_LIMIT_MS });
  const facts = await collectFacts(sourcesOf(platform.stack), {
    acknowledged: journal.answers.map(({ acknowledged }) => acknowledged),
  });
  signal.throwIfAborted();
  return await conclude({ settings, journal, load, faultInjection, facts, quiescentMs, retriedKeys, platform, write });
}

type SoakRun = {
  readonly settings: SoakSettings;
  readonly journal: Journal;
  readonly load: Load;
  readonly faultInjection: FaultInjection;
  readonly write: (text: string) => void;
};

async function showProgress({
  settings,
  journal,
  load,
  faultInjection,
  write,
  signal,
}: SoakRun & { signal: AbortSignal }) {
  const startMs = performance.now();
  const over = AbortSignal.any([signal, AbortSignal.timeout(settings.minutes * 60_000), load.failed]);
  while (!over.aborted) {
    await pause(PROGRESS_MS, over);
    const { answers, failures } = journal;
    const figures = { scenarios: load.started(), running: load.running(), outcomes: journal.countOutcomes() };
    write(renderProgress(performance.now() - startMs, { ...figures, answers, failures, kills: faultInjection.kills }));
  }
}

/** Returns the time from `sinceMs` until quiescence; undefined when it exceeds a minute. */
async function measureQuiescence({ stack }: SoakPlatform, sinceMs: number): Promise<number | undefined> {
  const timeoutMs = Math.max(0, Math.round(QUIESCENCE_LIMIT_MS - (performance.now() - sinceMs)));
  const left = await waitForQuiescence(sourcesOf(stack), { timeoutMs });
  return left.length === 0 ? performance.now() - sinceMs : undefined;
}

// A client whose call failed learns the state of its order by retrying the key. At quiescence every key has to be answered.
async function retryFailedKeys(
  caller: CallerDependencies,
  started: number,
  random: Random,
  run: string,
): Promise<number> {
  const failedKeys = new Set(caller.journal.failures.map(({ idempotencyKey }) => idempotencyKey));
  // The same seed draws the same scenarios.
  const scenarios = Array.from({ length: started }, (_, index) => drawScenario(random, run, index + 1));
  for (const { request } of scenarios) {
    if (!failedKeys.has(request.idempotencyKey)) continue;
    const answer = await placeOrder(caller, request);
    if (answer?.order === undefined)
      caller.journal.fault(`key ${request.idempotencyKey} is not answered at quiescence`);
  }
  return failedKeys.size;
}

type Outcome = SoakRun & {
  readonly facts: Facts;
  readonly quiescentMs: number | undefined;
  readonly retriedKeys: number;
  readonly platform: SoakPlatform;
};

async function conclude(outcome: Outcome): Promise<boolean> {
  const { settings, journal, load, faultInjection, facts, quiescentMs, retriedKeys, platform, write } = outcome;
  const { answers, failures } = journal;
  const ended: Partial<Record<AcknowledgedOrder['status'], number>> = {};
  for (const { status } of facts.orders) ended[status] = (ended[status] ?? 0) + 1;
  const outcomes = journal.countOutcomes();
  const { kills, recoveries, outages } = faultInjection;
  const seen = { answers, failures, outcomes, ended, scenarios: load.started(), retriedKeys };
  const figures = { settings, ...seen, kills, recoveries, outages, quiescentMs };
  write(`\n${renderReport(figures)}\n`);
  const verdicts = judgeInvariants(facts);
  write(`${renderVerdicts(verdicts)}\n`);

  const statuses = new Map(facts.orders.map(({ orderId, status }) => [orderId, status]));
  const faults = [
    ...journal.faults,
    ...faultInjection.faults,
    // No call of a client depends on the broker.
    ...(settings.mode === 'nats-down' ? journal.findFailuresWithin(outages) : []),
    ...journal.findContradictions(statuses),
  ];
  const violations = listViolations(verdicts);
  const shortfalls = findShortfalls(figures);
  listWords(write, 'violations seen by clients, and processes not recovered', faults);
  listWords(write, 'too little was done', shortfalls);
  if (violations.length + faults.length > 0) {
    const lines = await findLogLines(platform.logFile, [...violations, ...faults]);
    listWords(write, 'log lines about it', lines, lines.length);
  }
  const passed = violations.length + faults.length + shortfalls.length === 0 && quiescentMs !== undefined;
  write(
    passed ? 'soak: everything holds' : `soak: FAILED; repeat with --mode ${settings.mode} --seed ${settings.seed}`,
  );
  return passed;
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
