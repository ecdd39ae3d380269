// A histogram that sorts what it is told into its buckets many at a time, or when it is read: one by one, that takes longer than all
// else a guard does round a call.
import { Histogram, type HistogramConfiguration, type LabelValues } from 'prom-client';

// So few that the call which happens to sort them does not feel it.
const MOST_WAITING = 32;

export type BatchedHistogram<Label extends string> = Pick<Histogram<Label>, 'get'> & {
  observe(labels: LabelValues<Label>, seconds: number): void;
  /** Returns what is called at the end, with the rest of the labels; it observes and returns the seconds between. */
  startTimer(labels: LabelValues<Label>): (rest: LabelValues<Label>) => number;
};

/** Makes an empty histogram of seconds. */
export function createBatchedHistogram<Label extends string>(
  configuration: Omit<HistogramConfiguration<Label>, 'collect'>,
): BatchedHistogram<Label> {
  const waiting: { readonly labels: LabelValues<Label>; readonly seconds: number }[] = [];
  const sort = (): void => {
    for (const { labels, seconds } of waiting.splice(0)) histogram.observe(labels, seconds);
  };
  const histogram = new Histogram({ ...configuration, collect: sort });
  const observe = (labels: LabelValues<Label>, seconds: number): void => {
    waiting.push({ labels, seconds });
    if (waiting.length === MOST_WAITING) sort();
  };
  return {
    get: () => histogram.get(),
    observe,
    startTimer: (labels) => {
      const beganAt = performance.now();
      return (rest) => {
        const seconds = (performance.now() - beganAt) / 1_000;
        observe({ ...labels, ...rest }, seconds);
        return seconds;
      };
    },
  };
}
