// The steady-state hypothesis of the platform, as its customers and operators see it. Every experiment probes it before and after.
import { Journey, RunResult } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import type { Random } from '../../soak/random.ts';
import type { ProbeResult } from './experiment.ts';
import { drawKey, placeOrders } from './orders.ts';
import type { Platform } from './platform.ts';

const ORDERS = 3;
const LIMIT_MS = 3_000;
const JOURNEY_LIMIT_MS = 12_000;
const CALLERS: readonly ServiceName[] = ['order', 'payment', 'notification', 'monitor'];

export const STEADY_STATE =
  `${ORDERS} orders in a row are CONFIRMED, each in under ${LIMIT_MS / 1_000} s; the monitor's synthetic order succeeds; ` +
  'no circuit breaker is open; there are no dead letters.';

/** Probes whether the platform is in its steady state. */
export async function probeSteadyState(platform: Platform, random: Random): Promise<ProbeResult> {
  const placed = await placeOrders(platform, random, ORDERS);
  const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
  const unconfirmed = placed
    .filter(({ outcome }) => outcome !== 'CONFIRMED')
    .map(({ outcome, reason }) => `${outcome} ${reason}`);
  const problems = [
    ...unconfirmed.map((words) => `an order was ${words}`),
    ...(slowestMs < LIMIT_MS ? [] : [`an order took ${Math.round(slowestMs)} ms`]),
    // While plain orders fail, a journey would fail too, but take much longer.
    ...(unconfirmed.length > 0
      ? []
      : [...(await findJourneyFailure(platform, random)), ...(await findOpenBreakersAndDeadLetters(platform))]),
  ];
  const confirmed = `${ORDERS - unconfirmed.length} of ${ORDERS} orders CONFIRMED, the slowest in ${Math.round(slowestMs)} ms`;
  return {
    holds: problems.length === 0,
    seen: problems.length === 0 ? `${confirmed}; synthetic order succeeded; breakers closed` : problems.join('; '),
  };
}

async function findJourneyFailure({ monitor }: Platform, random: Random): Promise<string[]> {
  const request = { idempotencyKey: drawKey(random), journey: Journey.ORDER };
  const { run } = await monitor.runJourney(request, { timeoutMs: JOURNEY_LIMIT_MS });
  return run?.result === RunResult.SUCCEEDED ? [] : [`the synthetic order failed: ${run?.failureReason}`];
}

async function findOpenBreakersAndDeadLetters(platform: Platform): Promise<string[]> {
  const found = await Promise.all(
    CALLERS.map(async (service) => {
      const { status } = await platform.ops(service).getStatus({}, { timeoutMs: LIMIT_MS });
      const open = (status?.breakers ?? []).filter(({ state }) => state !== BreakerState.CLOSED);
      const letters = status?.deadLetters ?? 0n;
      return [
        ...open.map(({ dependency }) => `${service}'s breaker of ${dependency} is open`),
        ...(letters === 0n ? [] : [`${service} has ${letters} dead letters`]),
      ];
    }),
  );
  return found.flat();
}

/** Returns a probe of a service outside the blast radius: it has to answer GetStatus. */
export function isStillServing(service: ServiceName): (platform: Platform) => Promise<ProbeResult> {
  return async (platform) => {
    await platform.ops(service).getStatus({}, { timeoutMs: LIMIT_MS });
    return { holds: true, seen: `${service} answers` };
  };
}
