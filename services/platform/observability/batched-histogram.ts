// A histogram that buffers observations and sorts them into buckets many at a time, or when it is read. One by one, that took longer
// than everything else that a call policy adds to a call. The last observation of each bucket in a recorded trace is its exemplar.
import { Histogram, type HistogramConfiguration, type LabelValues } from 'prom-client';
import { recordedTrace, type TraceLabels } from './tracing.ts';

// Small enough that the call which happens to flush the buffer does not notice.
const MAX_BUFFERED = 32;

export type BatchedHistogram<Label extends string> = Pick<Histogram<Label>, 'get'> & {
  observe(labels: LabelValues<Label>, seconds: number): void;
  /** Starts a timer. Returns a function that takes the remaining labels, observes the elapsed seconds and returns them. */
  startTimer(labels: LabelValues<Label>): (remaining: LabelValues<Label>) => number;
};

type Observation<Label extends string> = {
  readonly labels: LabelValues<Label>;
  readonly seconds: number;
  readonly trace: TraceLabels | typeof NO_TRACE;
};

const NO_TRACE = {};

/** Creates an empty histogram of seconds. */
export function createBatchedHistogram<Label extends string>(
  configuration: Omit<HistogramConfiguration<Label>, 'collect'>,
): BatchedHistogram<Label> {
  const buffer: Observation<Label>[] = [];
  const flush = (): void => {
    for (const { labels, seconds, trace } of buffer.splice(0))
      histogram.observe({ labels, value: seconds, exemplarLabels: trace as LabelValues<Label> });
  };
  // prom-client lets a histogram with exemplars into a registry of its own OpenMetrics text alone; ours is written by metrics-text.ts.
  const histogram = new Histogram({ ...configuration, registers: [], enableExemplars: true, collect: flush });
  for (const registry of configuration.registers ?? []) registry.registerMetric(histogram);
  const observe = (labels: LabelValues<Label>, seconds: number): void => {
    buffer.push({ labels, seconds, trace: recordedTrace() ?? NO_TRACE });
    if (buffer.length === MAX_BUFFERED) flush();
  };
  return {
    get: () => histogram.get(),
    observe,
    startTimer: (labels) => {
      const startMs = performance.now();
      return (remaining) => {
        const seconds = (performance.now() - startMs) / 1_000;
        observe({ ...labels, ...remaining }, seconds);
        return seconds;
      };
    },
  };
}
