// The runner of journeys: records each run in the database, in the metrics and in its own trace. A started run continues to its end
// even when its caller hangs up.
import { randomUUID } from 'node:crypto';
import { startDeadline } from '../platform/base/deadline.ts';
import { describeError } from '../platform/base/errors.ts';
import { cleanText } from '../platform/base/text.ts';
import type { Logger } from '../platform/observability/log.ts';
import { injectTrace, runInSpan, SpanKind, traceIdOf } from '../platform/observability/tracing.ts';
import { JourneyFailure, type JourneyName } from './journey.ts';
import type { JourneyMetrics } from './journey-metrics.ts';
import type { Run, RunStore } from './run-store.ts';
import { type JourneyDependencies, walkJourney } from './walk-journey.ts';

const MAX_REASON_LENGTH = 500;

export type JourneyRunnerDependencies = JourneyDependencies & {
  readonly store: Pick<RunStore, 'begin' | 'end'>;
  readonly metrics: JourneyMetrics;
  /** The longest a journey may take. */
  readonly limitMs: number;
  readonly log: Logger;
};

export type JourneyRunner = {
  readonly name: string;
  /** Runs a journey and resolves with the ended run, also when it failed; undefined when its key is taken. */
  run(journey: JourneyName, idempotencyKey?: string): Promise<Run | undefined>;
  /** Waits for the running journeys. */
  stop(): Promise<void>;
};

/** Creates the runner. */
export function createJourneyRunner(dependencies: JourneyRunnerDependencies): JourneyRunner {
  const running = new Set<Promise<unknown>>();
  return {
    name: 'running journeys',
    run: (journey, idempotencyKey) => {
      // Start a new trace, so that a run by RPC and a run by schedule look the same.
      const span = { name: `journey ${journey.toLowerCase()}`, kind: SpanKind.INTERNAL, headers: {} };
      const run = runInSpan(span, () => runJourneyOnce(dependencies, journey, idempotencyKey));
      running.add(run);
      const forget = (): void => void running.delete(run);
      run.then(forget, forget);
      return run;
    },
    stop: async () => {
      await Promise.allSettled(running);
    },
  };
}

async function runJourneyOnce(
  dependencies: JourneyRunnerDependencies,
  journey: JourneyName,
  idempotencyKey: string | undefined,
): Promise<Run | undefined> {
  const { store, metrics, limitMs, log } = dependencies;
  const runId = randomUUID();
  const started = await store.begin({ runId, journey, traceId: traceIdOf(injectTrace().traceparent) }, idempotencyKey);
  if (started === undefined) return undefined;

  const startedAt = performance.now();
  let orderId = '';
  let failure: JourneyFailure | undefined;
  try {
    await walkJourney(dependencies, journey, `journey-${runId}`, startDeadline(limitMs), (placed) => {
      orderId = placed;
    });
  } catch (error) {
    if (!(error instanceof JourneyFailure)) throw error;
    failure = error;
  }
  const durationMs = Math.round(performance.now() - startedAt);
  metrics.recordEnd(journey, durationMs, failure?.kind);
  const fields = { journey, run_id: runId, order_id: orderId, duration_ms: durationMs };
  if (failure === undefined) log.info(fields, 'journey succeeded');
  else log.warn({ ...fields, kind: failure.kind, reason: describeError(failure) }, 'journey failed');
  const failureReason =
    failure === undefined ? '' : cleanText(`${failure.kind}: ${failure.message}`, MAX_REASON_LENGTH);
  return await store.end(runId, { failureReason, orderId: cleanText(orderId, MAX_REASON_LENGTH), durationMs });
}
