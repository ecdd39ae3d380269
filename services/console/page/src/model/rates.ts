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
  /** Whether any replica answers. */
  readonly up: boolean;
  readonly replicas: number;
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
const NO_RATE: Rate = { perSecond: 0, failedPerSecond: 0, milliseconds: undefined };
const WORST_FIRST = ['open', 'half_open', 'closed'] as const;

/** The rates of each service, of all its replicas together. A replica that was restarted in between counts from zero again. */
export function ratesBetween(before: Overview | undefined, after: Overview): ServiceRates[] {
  const elapsed = before === undefined ? 0 : (after.time - before.time) / 1_000;
  const names = new Set(after.services.map(({ name }) => name));
  return [...names].map((wanted) => {
    const replicas = after.services.filter(({ name }) => name === wanted);
    const rates = replicas.map((replica) => {
      const earlier = before?.services.find(({ name, instance }) => name === wanted && instance === replica.instance);
      return ratesOf(earlier, replica, elapsed);
    });
    return rates.reduce(addReplicas);
  });
}

/** Two parts of a service's replicas together. What they read from their common database is the same, but for the moment. */
function addReplicas(one: ServiceRates, other: ServiceRates): ServiceRates {
  const dependencies = new Set([...one.edges, ...other.edges].map(({ dependency }) => dependency));
  const edgeOf = ({ edges }: ServiceRates, wanted: string) => edges.find(({ dependency }) => dependency === wanted);
  const sum = (field: 'replicas' | 'publishedPerSecond' | 'handledPerSecond' | 'memoryBytes') =>
    one[field] + other[field];
  return {
    name: one.name,
    up: one.up || other.up,
    replicas: sum('replicas'),
    served: addRates(one.served, other.served),
    edges: [...dependencies].map((dependency) => {
      const [a, b] = [edgeOf(one, dependency), edgeOf(other, dependency)];
      const breaker = WORST_FIRST.find((state) => state === a?.breaker || state === b?.breaker) ?? 'closed';
      return { dependency, breaker, ...addRates(a ?? NO_RATE, b ?? NO_RATE) };
    }),
    publishedPerSecond: sum('publishedPerSecond'),
    handledPerSecond: sum('handledPerSecond'),
    outbox: Math.max(one.outbox, other.outbox),
    pending: Math.max(one.pending, other.pending),
    brokerConnected: one.brokerConnected && other.brokerConnected,
    memoryBytes: sum('memoryBytes'),
  };
}

function addRates(one: Rate, other: Rate): Rate {
  const perSecond = one.perSecond + other.perSecond;
  const busy = one.perSecond * (one.milliseconds ?? 0) + other.perSecond * (other.milliseconds ?? 0);
  return {
    perSecond,
    failedPerSecond: one.failedPerSecond + other.failedPerSecond,
    milliseconds: perSecond > 0 ? busy / perSecond : undefined,
  };
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
    replicas: 1,
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
