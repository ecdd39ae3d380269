// The metrics of journeys: results, kinds of failure, durations.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { FAILURE_KINDS, type FailureKind, JOURNEYS, type JourneyName } from './journey.ts';

const BUCKETS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type JourneyMetrics = {
  /** Records an ended run; an undefined `failure` is a success. */
  recordEnd(journey: JourneyName, durationMs: number, failure: FailureKind | undefined): void;
};

/** Registers the metrics. Every series is created up front; otherwise Prometheus `increase()` misses the first failure. */
export function createJourneyMetrics(registry: Registry): JourneyMetrics {
  const registers = [registry];
  const runs = new Counter({
    name: 'journey_runs_total',
    help: 'Synthetic journeys that ended, by result',
    labelNames: ['journey', 'result'],
    registers,
  });
  const failures = new Counter({
    name: 'journey_failures_total',
    help: 'Synthetic journeys that failed, by the way they failed',
    labelNames: ['journey', 'kind'],
    registers,
  });
  const seconds = new Histogram({
    name: 'journey_seconds',
    help: 'How long synthetic journeys took',
    labelNames: ['journey', 'result'],
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const lastSuccess = new Gauge({
    name: 'journey_last_success_timestamp_seconds',
    help: 'When a synthetic journey last succeeded; 0 if not since the start',
    labelNames: ['journey'],
    registers,
  });
  for (const name of JOURNEYS) {
    const journey = name.toLowerCase();
    for (const result of ['succeeded', 'failed']) runs.inc({ journey, result }, 0);
    for (const kind of FAILURE_KINDS) failures.inc({ journey, kind: kind.toLowerCase() }, 0);
    lastSuccess.set({ journey }, 0);
  }
  return {
    recordEnd: (name, durationMs, failure) => {
      const journey = name.toLowerCase();
      const result = failure === undefined ? 'succeeded' : 'failed';
      runs.inc({ journey, result });
      seconds.observe({ journey, result }, durationMs / 1_000);
      if (failure === undefined) lastSuccess.setToCurrentTime({ journey });
      else failures.inc({ journey, kind: failure.toLowerCase() });
    },
  };
}
