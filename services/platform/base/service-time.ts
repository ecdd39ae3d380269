// The service time of a served call: its duration without the waits for dependencies, so the time it takes of this process and its
// database. Overload of this service shows in it, a slow dependency does not. call-policy.ts excludes the waits, load-shedding.ts reads
// the rest.
import { context, createContextKey } from '@opentelemetry/api';

const METER = createContextKey('service time');

type Meter = { waits: number; sinceMs: number; waitedMs: number };

/** How a call spent its time, in milliseconds. */
export type TimeSpent = { readonly serviceMs: number; readonly waitedMs: number };

/** Runs `work` and reports its time to `onDone`, also when it fails. */
export async function measureServiceTime<T>(
  work: () => Promise<T>,
  onDone: (spent: TimeSpent, hasFailed: boolean) => void,
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
    // The call may return while a wait of it is still running.
    const waitedMs = meter.waitedMs + (meter.waits > 0 ? end - meter.sinceMs : 0);
    onDone({ serviceMs: end - begin - waitedMs, waitedMs }, hasFailed);
  }
}

/** Excludes a wait from the service time: for a dependency, or for work of another call. Simultaneous waits count once. */
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
