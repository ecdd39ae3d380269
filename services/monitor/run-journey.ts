// rpc RunJourney: runs a journey now, once for each key, and returns the ended run.
import type { RunJourneyRequest } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { pause } from '../platform/base/backoff.ts';
import { failedPrecondition, unavailable } from '../platform/base/errors.ts';
import { orAborted } from '../platform/base/or-aborted.ts';
import { scopedKey } from '../platform/identity/caller.ts';
import type { Call } from '../platform/server/call.ts';
import type { JourneyRunner } from './journey-runner.ts';
import { fromJourneyMessage, toRunMessage } from './run-messages.ts';
import type { Run, RunStore } from './run-store.ts';

const LOOK_UP_PERIOD_MS = 100;

export type RunJourneyDependencies = {
  readonly runner: Pick<JourneyRunner, 'run'>;
  readonly store: Pick<RunStore, 'findByKey'>;
  /** The longest a journey may take. */
  readonly limitMs: number;
};

/**
 * Returns the run after its end. When the caller hangs up, the run continues.
 * @throws {DomainError} IDEMPOTENCY_KEY_REUSED, or RUN_UNDER_WAY for a duplicate whose first call does not end.
 * @throws the signal's reason when the caller hangs up.
 */
export async function runJourney(
  { runner, store, limitMs }: RunJourneyDependencies,
  request: RunJourneyRequest,
  { signal, caller }: Pick<Call, 'signal' | 'caller'>,
) {
  const journey = fromJourneyMessage(request.journey);
  if (journey === undefined) throw new Error('a request without a journey was not refused');

  const key = scopedKey(caller, request.idempotencyKey);
  const run = (await orAborted(runner.run(journey, key), signal)) ?? (await waitForFirst(store, key, limitMs, signal));
  if (run.journey !== journey) {
    throw failedPrecondition('IDEMPOTENCY_KEY_REUSED', 'idempotency_key was used for another journey');
  }
  if (run.result === undefined) {
    throw unavailable({
      reason: 'RUN_UNDER_WAY',
      message: 'the run of this idempotency_key has not ended: retry the call',
    });
  }
  return { run: toRunMessage(run) };
}

// Another replica may run it, so poll the database.
async function waitForFirst(
  store: Pick<RunStore, 'findByKey'>,
  idempotencyKey: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<Run> {
  const waitSignal = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  for (;;) {
    const run = await store.findByKey(idempotencyKey);
    if (run === undefined) throw new Error('an idempotency key is taken but has no run');
    if (run.result !== undefined || waitSignal.aborted) return run;
    await pause(LOOK_UP_PERIOD_MS, waitSignal);
    signal.throwIfAborted();
  }
}
