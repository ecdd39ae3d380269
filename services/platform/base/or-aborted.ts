// Work that goes on whether or not somebody still waits for it.
import { excludeWait } from './service-time.ts';

/** Waits for `work` as long as the caller does. Throws the signal's reason when the caller gave up or its time is over. */
export async function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: gaveUp, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await excludeWait(() => Promise.race([work, gaveUp]));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
