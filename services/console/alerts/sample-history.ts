// The counters that rules read over a window, for as long as the longest window. Bounded: a sample every 15 seconds of each series, and so
// many series.
import { isSelected, type Match, type Sample } from './evaluate-rule.ts';
import type { Selector } from './rule-expression.ts';

/** Closer samples replace the latest one: pages ask every two seconds. */
const SPACING_MS = 15_000;
const MOST_SERIES = 500;

export type SampleHistory = {
  /** Adds the samples of a moment; `time` is in milliseconds and never set back. */
  add(samples: readonly Sample[], time: number): void;
  /** What each counter grew by within the window up to `time`, as Prometheus' `increase`. */
  growthOf(selector: Selector, windowMs: number, time: number): Match[];
  /** For how long there are samples. */
  lengthAt(time: number): number;
  size(): { readonly series: number; readonly points: number };
};

type Point = { readonly time: number; readonly value: number };
type Series = { readonly sample: Omit<Sample, 'value'>; readonly windowMs: number; readonly points: Point[] };

/** Creates the history of what `kept` selects, each for its window. */
export function createSampleHistory(
  kept: readonly { readonly of: Selector; readonly windowMs: number }[],
): SampleHistory {
  const series = new Map<string, Series>();
  let began: number | undefined;
  let lookedAt: number | undefined;

  const addTo = ({ points, windowMs }: Series, point: Point): void => {
    const before = points.at(-2);
    if (before !== undefined && point.time - before.time < SPACING_MS) points.pop();
    points.push(point);
    while ((points[0]?.time ?? 0) < point.time - windowMs) points.shift();
  };
  return {
    add: (samples, time) => {
      began ??= time;
      for (const { name, labels, value } of samples) {
        const windows = kept.filter(({ of }) => isSelected(of, { name, labels })).map(({ windowMs }) => windowMs);
        if (windows.length === 0) continue;
        const key = JSON.stringify([name, Object.entries(labels).sort()]);
        // One that was not there at the last look has begun since then, from zero: its first events count.
        const first = lookedAt === undefined ? [] : [{ time: lookedAt, value: 0 }];
        const known = series.get(key) ?? { sample: { name, labels }, windowMs: Math.max(...windows), points: first };
        if (!series.has(key) && series.size >= MOST_SERIES) continue;
        series.set(key, known);
        addTo(known, { time, value });
      }
      lookedAt = time;
      // A replica that is gone for good leaves no series behind.
      for (const [key, { points, windowMs }] of series)
        if ((points.at(-1)?.time ?? 0) < time - windowMs) series.delete(key);
    },
    growthOf: (selector, windowMs, time) =>
      [...series.values()].flatMap(({ sample, points }) => {
        if (!isSelected(selector, sample)) return [];
        const inside = points.filter((point) => point.time >= time - windowMs && point.time <= time);
        const value = increaseOf(inside, time - windowMs, time);
        return value === undefined ? [] : [{ labels: sample.labels, value }];
      }),
    size: () => ({
      series: series.size,
      points: [...series.values()].reduce((sum, { points }) => sum + points.length, 0),
    }),
    lengthAt: (time) => (began === undefined ? 0 : time - began),
  };
}

/**
 * What a counter grew by from `start` to `end`: between its samples, with its resets, and extrapolated to the window as far as it is likely
 * that the counter existed. Undefined with fewer than two samples.
 */
function increaseOf(points: readonly Point[], start: number, end: number): number | undefined {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < 2) return undefined;
  let growth = last.value - first.value;
  for (const [at, { value }] of points.entries()) {
    const before = points[at - 1]?.value ?? value;
    if (value < before) growth += before;
  }
  const covered = last.time - first.time;
  const spacing = covered / (points.length - 1);
  const toZero = growth > 0 && first.value >= 0 ? covered * (first.value / growth) : Number.POSITIVE_INFINITY;
  // Beyond a gap that is longer than between samples, the counter is taken to begin or end half a spacing away.
  const reach = (gap: number): number => (gap < spacing * 1.1 ? gap : spacing / 2);
  return growth * ((covered + reach(Math.min(first.time - start, toZero)) + reach(end - last.time)) / covered);
}
