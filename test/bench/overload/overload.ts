// One run of the overload proof: warm up, find the sustainable rate, keep it up, ask for ten times as much, rest,
// keep it up once more, judge.
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
import { type OverloadFigures, quantile, sumUp } from './figures.ts';
import type { LoadResult } from './generator.ts';
import { putUnderLoad } from './load.ts';
import { type MemorySamples, sampleMemory } from './memory.ts';
import { startLoadedPlatform } from './platform.ts';
import type { OverloadSettings } from './settings.ts';

// Code gets faster while it runs: warm is what is hardly faster than before.
const WARM_UP_SECONDS = 8;
const MAX_WARM_UPS = 6;
const HARDLY_FASTER = 1.05;
const PROBE_SECONDS = 10;
/** Calls at once that keep the platform busy without a queue before it. */
const PROBE_AT_ONCE = 16;
const SUSTAINABLE_SHARE = 0.7;
const MAX_PROBES = 4;
const BREATH_MS = 2_000;
const REST_LIMIT_MS = 180_000;
/** How long the memory is given to return, after everything else rests. */
const MEMORY_REST_MS = 20_000;
const LAST_SAMPLES = 5;

type Write = (text: string) => void;

/** Runs it and returns the figures; `write` is acknowledged of each step. Rejects when `signal` calls it off. */
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
  const looksBefore = memory.count();
  const flood = await bench.load('open', factor * rate, seconds);
  const most = Math.max(...memory.since(looksBefore));
  const restMs = await waitForRest(platform.stack, write);
  const later = await bench.load('open', rate, seconds);
  await waitForRest(platform.stack, write);
  const after = await waitForMemory(memory, before, signal);
  const facts = await collectFacts(sourcesOf(platform.stack), { acknowledged: bench.acknowledged });
  signal.throwIfAborted();
  return {
    factor,
    saturation,
    sustainable: sumUp(rate, 2 * rate * seconds, [earlier, later]),
    overload: sumUp(factor * rate, factor * rate * seconds, [flood]),
    memory: { before, most, after },
    restMs,
    violations: listViolations(judgeInvariants(facts)),
  };
}

class Bench {
  /** What all callers were acknowledged. */
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
    this.#write(`${seconds} s of ${rate} orders ${kind === 'open' ? 'a second' : 'at once'}`);
    const result = await putUnderLoad({ kind, url: this.#url, rate, seconds }, this.#signal);
    this.acknowledged.push(...result.acknowledged);
    await pause(BREATH_MS, this.#signal);
    return result;
  }
}

async function warmUp(bench: Bench): Promise<void> {
  let before = 0;
  for (let round = 1; round <= MAX_WARM_UPS; round += 1) {
    const now = await findThroughput(bench, WARM_UP_SECONDS);
    if (now < HARDLY_FASTER * before) return;
    before = now;
  }
}

/** Orders a second when callers wait for each other. */
async function findThroughput(bench: Bench, seconds: number): Promise<number> {
  const result = await bench.load('closed', PROBE_AT_ONCE, seconds);
  return result.acknowledged.length / result.seconds;
}

/** Keeps a rate up; takes less of it while the platform does not follow. */
async function sustain(
  bench: Bench,
  settings: OverloadSettings,
  saturation: number | undefined,
): Promise<{ readonly rate: number; readonly result: LoadResult }> {
  let rate = settings.rate ?? Math.max(1, Math.floor(SUSTAINABLE_SHARE * (saturation ?? 0)));
  for (let probe = 1; ; probe += 1) {
    const result = await bench.load('open', rate, settings.seconds);
    const isKeptUp = result.acknowledged.length === result.called;
    if (isKeptUp || probe === MAX_PROBES || settings.rate !== undefined) return { rate, result };
    rate = Math.max(1, Math.floor(SUSTAINABLE_SHARE * rate));
  }
}

async function waitForRest(stack: Stack, write: Write): Promise<number | undefined> {
  write('waiting until nothing is left to do');
  const beganMs = performance.now();
  const left = await waitForQuiescence(sourcesOf(stack), { timeoutMs: REST_LIMIT_MS });
  return left.length === 0 ? performance.now() - beganMs : undefined;
}

/** The memory once it is back where it was, or after a while; the median of the last looks. */
async function waitForMemory(memory: MemorySamples, before: number, signal: AbortSignal): Promise<number> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(MEMORY_REST_MS)]);
  const from = memory.count();
  for (;;) {
    const last = memory.since(Math.max(from, memory.count() - LAST_SAMPLES));
    const now = quantile(last, 0.5);
    if (over.aborted || (last.length >= LAST_SAMPLES && now <= before)) return now;
    await pause(BREATH_MS, over);
  }
}

function pidOf(stack: Stack): number {
  const pid = stack.pid('order');
  if (pid === undefined) throw new Error('the order service has no process');
  return pid;
}
