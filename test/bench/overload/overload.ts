// An overload run: warm up, find the sustainable rate, measure it, overload, wait for quiescence, measure the sustainable rate again,
// judge the invariants.
import type { Stack } from '../../../local/stack/stack.ts';
import { pause } from '../../../services/platform/base/backoff.ts';
import {
  type AcknowledgedOrder,
  collectFacts,
  judgeInvariants,
  listViolations,
  sourcesOf,
  waitForQuiescence,
} from '../../support/invariants/invariants.ts';
import { combineResults, type OverloadFigures, quantile } from './figures.ts';
import type { LoadResult } from './generator.ts';
import { putUnderLoad } from './load.ts';
import { type MemorySamples, sampleMemory } from './memory.ts';
import { startLoadedPlatform } from './platform.ts';
import type { OverloadSettings } from './settings.ts';

// The platform is warm when its throughput hardly increases any more.
const WARM_UP_SECONDS = 8;
const MAX_WARM_UPS = 6;
const MIN_SPEEDUP = 1.05;
const PROBE_SECONDS = 10;
/** The concurrent calls that keep the platform busy without a queue. */
const PROBE_CONCURRENCY = 16;
const SUSTAINABLE_SHARE = 0.7;
const MAX_PROBES = 4;
const PAUSE_MS = 2_000;
const QUIESCENCE_LIMIT_MS = 180_000;
/** How long the memory may take to be freed after quiescence. */
const MEMORY_LIMIT_MS = 20_000;
const LAST_SAMPLES = 5;

type Write = (text: string) => void;

/** Runs the overload and returns the figures; `write` receives a line for each step. Rejects when `signal` aborts. */
export async function runOverload(
  settings: OverloadSettings,
  write: Write,
  signal: AbortSignal,
): Promise<OverloadFigures> {
  const { factor, seconds } = settings;
  write('starting the platform');
  await using platform = await startLoadedPlatform(settings.environment, signal);
  const bench = new Bench(platform.stack, write, signal);
  using memory = sampleMemory(pidOf(platform.stack));
  await warmUp(bench);
  const saturation = settings.rate === undefined ? await findThroughput(bench, PROBE_SECONDS) : undefined;
  const { rate, result: earlier } = await sustain(bench, settings, saturation);
  const before = quantile(memory.since(memory.count() - LAST_SAMPLES), 0.5);
  const samplesBefore = memory.count();
  const flood = await bench.load('open', factor * rate, seconds);
  const max = Math.max(...memory.since(samplesBefore));
  const quiescentMs = await measureQuiescence(platform.stack, write);
  const later = await bench.load('open', rate, seconds);
  await measureQuiescence(platform.stack, write);
  const after = await waitForMemory(memory, before, signal);
  const facts = await collectFacts(sourcesOf(platform.stack), { acknowledged: bench.acknowledged });
  signal.throwIfAborted();
  return {
    factor,
    saturation,
    sustainable: combineResults(rate, 2 * rate * seconds, [earlier, later]),
    overload: combineResults(factor * rate, factor * rate * seconds, [flood]),
    memory: { before, max, after },
    quiescentMs,
    violations: listViolations(judgeInvariants(facts)),
  };
}

class Bench {
  /** Every acknowledged order. */
  readonly acknowledged: AcknowledgedOrder[] = [];
  readonly #url: string;
  readonly #write: Write;
  readonly #signal: AbortSignal;

  constructor(stack: Stack, write: Write, signal: AbortSignal) {
    this.#url = stack.url('order');
    this.#write = write;
    this.#signal = signal;
  }

  async load(kind: 'open' | 'closed', rate: number, seconds: number): Promise<LoadResult> {
    this.#write(`${seconds} s of ${rate} orders ${kind === 'open' ? 'per second' : 'concurrently'}`);
    const result = await putUnderLoad({ kind, url: this.#url, rate, seconds }, this.#signal);
    this.acknowledged.push(...result.acknowledged);
    await pause(PAUSE_MS, this.#signal);
    return result;
  }
}

async function warmUp(bench: Bench): Promise<void> {
  let before = 0;
  for (let round = 1; round <= MAX_WARM_UPS; round += 1) {
    const now = await findThroughput(bench, WARM_UP_SECONDS);
    if (now < MIN_SPEEDUP * before) return;
    before = now;
  }
}

/** Measures the orders per second of a closed load. */
async function findThroughput(bench: Bench, seconds: number): Promise<number> {
  const result = await bench.load('closed', PROBE_CONCURRENCY, seconds);
  return result.acknowledged.length / result.seconds;
}

/** Measures a rate, and lowers it until the platform sustains it. */
async function sustain(
  bench: Bench,
  settings: OverloadSettings,
  saturation: number | undefined,
): Promise<{ readonly rate: number; readonly result: LoadResult }> {
  let rate = settings.rate ?? Math.max(1, Math.floor(SUSTAINABLE_SHARE * (saturation ?? 0)));
  for (let probe = 1; ; probe += 1) {
    const result = await bench.load('open', rate, settings.seconds);
    const isSustained = result.acknowledged.length === result.called;
    if (isSustained || probe === MAX_PROBES || settings.rate !== undefined) return { rate, result };
    rate = Math.max(1, Math.floor(SUSTAINABLE_SHARE * rate));
  }
}

async function measureQuiescence(stack: Stack, write: Write): Promise<number | undefined> {
  write('waiting for quiescence');
  const startMs = performance.now();
  const left = await waitForQuiescence(sourcesOf(stack), { timeoutMs: QUIESCENCE_LIMIT_MS });
  return left.length === 0 ? performance.now() - startMs : undefined;
}

/** Waits until the memory is back at its value before, at most `MEMORY_LIMIT_MS`. Returns the median of the last samples. */
async function waitForMemory(memory: MemorySamples, before: number, signal: AbortSignal): Promise<number> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(MEMORY_LIMIT_MS)]);
  const from = memory.count();
  for (;;) {
    const last = memory.since(Math.max(from, memory.count() - LAST_SAMPLES));
    const now = quantile(last, 0.5);
    if (over.aborted || (last.length >= LAST_SAMPLES && now <= before)) return now;
    await pause(PAUSE_MS, over);
  }
}

function pidOf(stack: Stack): number {
  const pid = stack.pid('order');
  if (pid === undefined) throw new Error('the order service has no process');
  return pid;
}
