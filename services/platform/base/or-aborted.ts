// A race of shared work against one caller's AbortSignal: the work continues when the caller gives up.
import { excludeWait } from './service-time.ts';

/**
 * Waits for `work` until `signal` aborts.
 *
 * @throws the reason of `signal` when it aborts first.
 */
export async function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await excludeWait(() => Promise.race([work, aborted]));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
