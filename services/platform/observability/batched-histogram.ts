// A histogram that buffers observations and sorts them into buckets many at a time, or when it is read. One by one, that took longer
// than everything else that a call policy adds to a call.
import { Histogram, type HistogramConfiguration, type LabelValues } from 'prom-client';

// Small enough that the call which happens to flush the buffer does not notice.
const MAX_BUFFERED = 32;

export type BatchedHistogram<Label extends string> = Pick<Histogram<Label>, 'get'> & {
  observe(labels: LabelValues<Label>, seconds: number): void;
  /** Starts a timer. Returns a function that takes the remaining labels, observes the elapsed seconds and returns them. */
  startTimer(labels: LabelValues<Label>): (remaining: LabelValues<Label>) => number;
};

/** Creates an empty histogram of seconds. */
export function createBatchedHistogram<Label extends string>(
  configuration: Omit<HistogramConfiguration<Label>, 'collect'>,
): BatchedHistogram<Label> {
  const buffer: { readonly labels: LabelValues<Label>; readonly seconds: number }[] = [];
  const flush = (): void => {
    for (const { labels, seconds } of buffer.splice(0)) histogram.observe(labels, seconds);
  };
  const histogram = new Histogram({ ...configuration, collect: flush });
  const observe = (labels: LabelValues<Label>, seconds: number): void => {
    buffer.push({ labels, seconds });
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
