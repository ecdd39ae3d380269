// Reading the metrics of a service: the gauges that have to be queried first, then all of them at one moment.
import type { MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client';

/** One metric with its series, as prom-client has it. */
export type MetricFamily = MetricObjectWithValues<
  MetricValueWithName<string> & { readonly exemplar?: Exemplar | null }
>;

/** One observation of a histogram's bucket, with the trace in which it was made. */
export type Exemplar = {
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** In seconds since 1970. */
  readonly timestamp: number;
};

/** Reads every metric. */
export type ReadMetrics = () => Promise<readonly MetricFamily[]>;

/** Returns a function that reads a registry, after `refresh` has updated the gauges whose values have to be queried. */
export function createMetricReader(registry: Registry, refresh: () => Promise<unknown>): ReadMetrics {
  return async () => {
    await refresh();
    return (await registry.getMetricsAsJSON()) as unknown as MetricFamily[];
  };
}
