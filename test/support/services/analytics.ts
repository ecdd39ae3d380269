// The analytics fixture: the real service on a free port, with clients and builders of events.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { expect, vi } from 'vitest';
import type { SalesSummary } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { loadConfig } from '#services/analytics/config.ts';
import type { Producer } from '#services/analytics/sales.ts';
import { createAnalyticsService } from '#services/analytics/service.ts';
import { DOMAIN } from '#services/domain.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { openSession, type SqlSession } from '../contracts/contracts.ts';
import { asAllowedCaller, TEST_IDENTITY } from '../identity/credentials.ts';
import { startTestNats, type TestNats } from '../nats.ts';
import { PATIENT_DATABASE } from '../patience.ts';
import { createTestDatabase } from '../postgres.ts';

/** One replica. */
export type RunningAnalytics = AsyncDisposable & {
  readonly url: string;
  readonly client: Client<typeof AnalyticsService>;
  readonly ops: Client<typeof OpsService>;
  stop(): Promise<void>;
};

/** A replica with its own database and broker. */
export type AnalyticsFixture = RunningAnalytics & {
  readonly nats: TestNats;
  /** Runs a statement in its database, bypassing the service. */
  readonly sql: SqlSession['sql'];
  /** Starts one more replica, next to it or instead of it. */
  startReplica(): Promise<RunningAnalytics>;
  /** The summary of all time. */
  summary(): Promise<SalesSummary>;
};

/** Starts a replica on a free port. */
export async function startAnalyticsService(environment: Record<string, string>): Promise<RunningAnalytics> {
  const level = process.env.TEST_LOG_LEVEL ?? 'silent';
  const config = loadConfig({
    ANALYTICS_PORT: '0',
    LOG_LEVEL: level,
    ...TEST_IDENTITY,
    ...PATIENT_DATABASE,
    ...environment,
  });
  const service = createAnalyticsService(config, createLog({ service: 'analytics', level }));
  const { url } = await service.start();
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [asAllowedCaller()] });
  return {
    url,
    client: createClient(AnalyticsService, transport),
    ops: createClient(OpsService, transport),
    stop: service.stop,
    [Symbol.asyncDispose]: service.stop,
  };
}

/** Starts analytics with its database and broker. */
export async function startAnalyticsFixture(): Promise<AnalyticsFixture> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await createTestDatabase('analytics'));
  const nats = resources.use(await startTestNats());
  const environment = { ANALYTICS_DATABASE_URL: database.databaseUrl, NATS_URL: nats.url('analytics') };
  const analytics = resources.use(await startAnalyticsService(environment));
  const { sql } = resources.use(await openSession(database.superuserUrl));
  const owned = resources.move();
  return {
    ...analytics,
    nats,
    sql,
    startReplica: () => startAnalyticsService(environment),
    summary: () => readSummary(analytics.client),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The summary of all time, or of the time since a moment. */
export async function readSummary(client: Client<typeof AnalyticsService>, since?: Date): Promise<SalesSummary> {
  const { summary } = await client.getSalesSummary({
    ...(since && { startTime: timestampFromDate(since) }),
    // Includes events of this moment and of clocks that are ahead.
    endTime: timestampFromDate(new Date('2100-01-01')),
  });
  if (summary === undefined) throw new Error('GetSalesSummary answered without a summary');
  return summary;
}

/** Waits until the service has applied everything that the streams of these producers hold now. */
export async function awaitCaughtUp(
  { ops }: Pick<RunningAnalytics, 'ops'>,
  producers: readonly Producer[] = ['order'],
): Promise<void> {
  const look = async () => {
    const { status } = await ops.getStatus({});
    for (const producer of producers) {
      const consumer = status?.consumers.find(({ stream }) => stream === streamOf(DOMAIN, producer));
      expect(consumer, producer).toMatchObject({ pending: 0n, unacknowledged: 0n });
    }
  };
  await vi.waitFor(look, { timeout: 10_000, interval: 25 });
}
