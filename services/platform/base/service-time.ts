// What a served call takes of this process and its database: all of its time but what it waits for others. A service that is
// overloaded shows in it; a slow neighbour does not. call-guard.ts tells of the waits, load-shedding.ts reads the rest.
import { context, createContextKey } from '@opentelemetry/api';

const METER = createContextKey('own time');

type Meter = { waits: number; sinceMs: number; waitedMs: number };

/** Where the milliseconds of a call went. */
export type TimeSpent = { readonly serviceMs: number; readonly waitedMs: number };

/** Runs `work`; however it ends, `done` is told its time. */
export async function measureServiceTime<T>(
  work: () => Promise<T>,
  done: (spent: TimeSpent, hasFailed: boolean) => void,
): Promise<T> {
  const meter: Meter = { waits: 0, sinceMs: 0, waitedMs: 0 };
  const begin = performance.now();
  let hasFailed = true;
  try {
    const result = await context.with(context.active().setValue(METER, meter), work);
    hasFailed = false;
    return result;
  } finally {
    const end = performance.now();
    // An answer may be given while something is still waited for.
    const waitedMs = meter.waitedMs + (meter.waits > 0 ? end - meter.sinceMs : 0);
    done({ serviceMs: end - begin - waitedMs, waitedMs }, hasFailed);
  }
}

/** Waits for others: a neighbour, or work that is not of this call. Waits at the same time count once. */
export async function excludeWait<T>(wait: () => Promise<T>): Promise<T> {
  const meter = context.active().getValue(METER) as Meter | undefined;
  if (meter === undefined) return await wait();
  if (meter.waits === 0) meter.sinceMs = performance.now();
  meter.waits += 1;
  try {
    return await wait();
  } finally {
    meter.waits -= 1;
    if (meter.waits === 0) meter.waitedMs += performance.now() - meter.sinceMs;
  }
}
