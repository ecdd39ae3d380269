// What /console/overview answers.

type Totals = { readonly calls: number; readonly failed: number; readonly seconds: number };

export type OverviewMetrics = {
  readonly served: Totals;
  readonly edges: readonly (Totals & {
    readonly dependency: string;
    readonly breaker: 'closed' | 'half_open' | 'open';
  })[];
  readonly published: number;
  readonly handled: number;
  readonly outbox: number;
  readonly pending: number;
  readonly brokerConnected: boolean;
  readonly memoryBytes: number;
};

/** One replica of a service; `metrics` is null while it does not answer. */
export type OverviewService = {
  readonly name: string;
  /** Host and port. */
  readonly instance: string;
  readonly metrics: OverviewMetrics | null;
};

export type Overview = {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly services: readonly OverviewService[];
};
