// Rates from two overviews: what happened a second between them.
import type { Overview, OverviewService } from './overview.ts';

export type Rate = {
  readonly perSecond: number;
  readonly failedPerSecond: number;
  /** The mean; undefined when nothing happened. */
  readonly milliseconds: number | undefined;
};

export type EdgeRate = Rate & { readonly dependency: string; readonly breaker: 'closed' | 'half_open' | 'open' };

export type ServiceRates = {
  readonly name: string;
  readonly up: boolean;
  readonly served: Rate;
  readonly edges: readonly EdgeRate[];
  readonly publishedPerSecond: number;
  readonly handledPerSecond: number;
  readonly outbox: number;
  readonly pending: number;
  readonly brokerConnected: boolean;
  readonly memoryBytes: number;
};

type Totals = { readonly calls: number; readonly failed: number; readonly seconds: number };

const NO_TOTALS: Totals = { calls: 0, failed: 0, seconds: 0 };

/** The rates of each service. A service that was restarted in between counts from zero again. */
export function ratesBetween(before: Overview | undefined, after: Overview): ServiceRates[] {
  const elapsed = before === undefined ? 0 : (after.time - before.time) / 1_000;
  return after.services.map((service) => {
    const earlier = before?.services.find(({ name }) => name === service.name);
    return ratesOf(earlier, service, elapsed);
  });
}

function ratesOf(
  before: OverviewService | undefined,
  { name, metrics }: OverviewService,
  elapsed: number,
): ServiceRates {
  const earlier = before?.metrics ?? undefined;
  const known = earlier !== undefined && elapsed > 0;
  const perSecond = (from: number | undefined, to: number) => (known ? growth(from ?? 0, to) / elapsed : 0);
  const rate = (from: Totals | undefined, to: Totals): Rate => {
    if (!known) return { perSecond: 0, failedPerSecond: 0, milliseconds: undefined };
    const calls = growth(from?.calls ?? 0, to.calls);
    return {
      perSecond: calls / elapsed,
      failedPerSecond: growth(from?.failed ?? 0, to.failed) / elapsed,
      milliseconds: calls > 0 ? (growth(from?.seconds ?? 0, to.seconds) * 1_000) / calls : undefined,
    };
  };
  return {
    name,
    up: metrics !== null,
    served: rate(earlier?.served, metrics?.served ?? NO_TOTALS),
    edges: (metrics?.edges ?? []).map((edge) => ({
      dependency: edge.dependency,
      breaker: edge.breaker,
      ...rate(
        earlier?.edges.find(({ dependency }) => dependency === edge.dependency),
        edge,
      ),
    })),
    publishedPerSecond: perSecond(earlier?.published, metrics?.published ?? 0),
    handledPerSecond: perSecond(earlier?.handled, metrics?.handled ?? 0),
    outbox: metrics?.outbox ?? 0,
    pending: metrics?.pending ?? 0,
    brokerConnected: metrics?.brokerConnected ?? false,
    memoryBytes: metrics?.memoryBytes ?? 0,
  };
}

/** Counters only grow, unless their process is a new one. */
function growth(from: number, to: number): number {
  return to >= from ? to - from : to;
}

/** `0`, `0.4/s`, `12/s`. */
export function formatRate(perSecond: number): string {
  if (perSecond < 0.05) return '0/s';
  return perSecond < 10 ? `${perSecond.toFixed(1)}/s` : `${Math.round(perSecond)}/s`;
}
