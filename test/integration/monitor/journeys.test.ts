// The real monitor with its database and schedule, and a virtual order service.
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { Journey, RunResult } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { BreakerState } from '#gen/shop/ops/v1/ops_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { openConnection, refusalOf } from '../../support/clients.ts';
import { PATIENCE } from '../../support/patience.ts';
import { startMonitorFixture } from '../../support/services/monitor.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';
import { readPages } from '../../support/services/pages.ts';

const { createOrder, quoteOrder, watchOrder } = OrderService.method;
const EVERY_JOURNEY = [Journey.ORDER, Journey.DECLINE, Journey.CANCEL, Journey.QUOTE];

describe('RunJourney', () => {
  it('runs each journey, and ListRuns returns it with its trace, newest first', async () => {
    await using world = await startMonitorFixture();
    const ran = [];
    for (const journey of EVERY_JOURNEY) {
      const { run } = await world.client.runJourney({ idempotencyKey: `key-${journey}`, journey });
      ran.push(run!);
    }
    expect(ran.map(({ journey, result, failureReason }) => [journey, result, failureReason])).toEqual(
      EVERY_JOURNEY.map((journey) => [journey, RunResult.SUCCEEDED, '']),
    );
    const { runs } = await world.client.listRuns({});
    expect(runs).toEqual(ran.toReversed());
  });

  it('sends the credential to the order service, in the trace it returns', async () => {
    await using world = await startMonitorFixture();
    const { run } = await world.client.runJourney({ idempotencyKey: 'key-1', journey: Journey.ORDER });
    const [call] = world.shop.calls(createOrder);
    expect(call?.requestHeader.get('x-synthetic-credential')).toBe(TEST_CREDENTIAL);
    expect(call?.requestHeader.get('traceparent')).toContain(run!.traceId);
  });

  it('runs a journey once for a key, however many concurrent calls arrive', async () => {
    await using world = await startMonitorFixture();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        world.client.runJourney({ idempotencyKey: 'key-1', journey: Journey.QUOTE }, { timeoutMs: 5_000 }),
      ),
    );
    expect(new Set(answers.map(({ run }) => run?.runId)).size).toBe(1);
    world.shop.received(quoteOrder).times(1);
  });

  it('refuses a key that ran another journey', async () => {
    await using world = await startMonitorFixture();
    await world.client.runJourney({ idempotencyKey: 'key-1', journey: Journey.QUOTE });
    const { error, reason } = await refusalOf(
      world.client.runJourney({ idempotencyKey: 'key-1', journey: Journey.ORDER }),
    );
    expect([error.code, reason]).toEqual([Code.FailedPrecondition, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('returns the reason of a failure, and counts it', { tags: 'seed-8.1' }, async () => {
    await using world = await startMonitorFixture({ JOURNEY_LIMIT_MS: '300' });
    world.shop
      .stub(createOrder, { paymentMethod: 'pm_approved' })
      .replies({ order: { orderId: 'order-1', synthetic: true, status: OrderStatus.PENDING } });
    world.shop.stub(watchOrder).hangs();
    const { run } = await world.client.runJourney({ idempotencyKey: 'key-1', journey: Journey.ORDER });
    expect(run).toMatchObject({ result: RunResult.FAILED, orderId: 'order-1' });
    expect(run?.failureReason).toMatch(/^TOO_SLOW: the journey did not end in time: order did not answer in time/);
    const metrics = await (await fetch(`${world.url}/metrics`)).text();
    expect(metrics).toMatch(/journey_runs_total\{[^}]*journey="order"[^}]*result="failed"[^}]*\} 1/);
    expect(metrics).toMatch(/journey_failures_total\{[^}]*journey="order"[^}]*kind="too_slow"[^}]*\} 1/);
  });

  it('finishes and records a run that its caller did not wait for', async () => {
    await using world = await startMonitorFixture();
    const hungUp = Promise.withResolvers<void>();
    world.shop.stub(quoteOrder).replies(async () => {
      await hungUp.promise;
      throw new ConnectError('broken', Code.Internal);
    });
    const caller = new AbortController();
    const answer = world.client.runJourney(
      { idempotencyKey: 'key-1', journey: Journey.QUOTE },
      { signal: caller.signal },
    );
    await expect.poll(() => world.shop.calls(quoteOrder).length, PATIENCE).toBe(1);
    caller.abort();
    await expect(answer).rejects.toMatchObject({ code: Code.Canceled });
    hungUp.resolve();
    await expect.poll(async () => (await world.client.listRuns({})).runs, PATIENCE).toHaveLength(1);
  });
});

describe('one of several monitors', () => {
  it('answers a duplicate with the run of another replica', async () => {
    await using world = await startMonitorFixture();
    await using second = await world.startReplica();
    const request = { idempotencyKey: 'key-1', journey: Journey.QUOTE };
    const { run } = await world.client.runJourney(request);
    expect((await second.client.runJourney(request)).run).toEqual(run);
    world.shop.received(quoteOrder).times(1);
  });

  it('finishes and records the running journey when it is stopped', async () => {
    await using world = await startMonitorFixture();
    await using second = await world.startReplica();
    world.shop.stub(createOrder, { paymentMethod: 'pm_approved' }).delays(300).fails(Code.Internal, 'broken');
    const caller = world.client.runJourney({ idempotencyKey: 'key-1', journey: Journey.ORDER });
    const [answer] = await Promise.allSettled([
      caller,
      expect
        .poll(() => world.shop.calls(createOrder).length, PATIENCE)
        .toBe(1)
        .then(() => world.service.stop()),
    ]);
    expect(answer.status).toBe('fulfilled');
    const { runs } = await second.client.listRuns({});
    expect(runs.map(({ result }) => result)).toEqual([RunResult.FAILED]);
  });

  it('reports by GetStatus that its breaker is open after five failures of the order service', async () => {
    await using world = await startMonitorFixture();
    world.shop.stub(quoteOrder).fails(Code.Internal, 'broken');
    for (let turn = 0; turn < 6; turn += 1) {
      await world.client.runJourney({ idempotencyKey: `key-${turn}`, journey: Journey.QUOTE });
    }
    using connection = openConnection(world.url);
    const { status } = await connection.client(OpsService).getStatus({});
    expect(status?.breakers).toMatchObject([{ dependency: 'order', state: BreakerState.OPEN }]);
    world.shop.received(quoteOrder).times(5);
  });
});

describe('the schedule', () => {
  it('runs every due journey once, whatever the number of replicas, and again when it is due again', async () => {
    await using world = await startMonitorFixture();
    await using _second = await world.startReplica();
    await using _third = await world.startReplica();
    await expect.poll(() => world.sql('select 1 from journey_schedule'), PATIENCE).toHaveLength(4);
    const journeysRun = async () => (await world.client.listRuns({})).runs.map(({ journey }) => journey).sort();

    await world.sql('update journey_schedule set next_time = now()');
    await expect.poll(journeysRun, PATIENCE).toEqual(EVERY_JOURNEY);
    await world.sql('update journey_schedule set next_time = now()');

    await expect.poll(journeysRun, PATIENCE).toEqual(EVERY_JOURNEY.flatMap((journey) => [journey, journey]));
    const due = await world.sql(`select 1 from journey_schedule where next_time < now() + interval '23 hours'`);
    expect(due).toEqual([]);
  });

  it('applies a shorter interval at once', async () => {
    await using world = await startMonitorFixture();
    await expect.poll(() => world.sql('select 1 from journey_schedule'), PATIENCE).toHaveLength(4);
    await using _hasty = await world.startReplica({ JOURNEY_INTERVAL_MS: '1000' });
    await expect.poll(async () => (await world.client.listRuns({})).runs.length, PATIENCE).toBeGreaterThanOrEqual(4);
  });

  it.each([
    { began: 'a minute ago', time: `now() - interval '1 minute'` },
    { began: 'in the future of a clock set back since', time: `now() + interval '1 day'` },
  ])('ends as failed a run whose monitor was killed: it began $began', async ({ time }) => {
    await using world = await startMonitorFixture();
    await world.sql(`insert into run (run_id, journey, start_time) values (gen_random_uuid(), 'ORDER', ${time})`);
    await expect
      .poll(async () => (await world.client.listRuns({})).runs.map(({ failureReason }) => failureReason), PATIENCE)
      .toEqual(['INTERRUPTED: the monitor stopped during the run']);
  });
});

describe('ListRuns', () => {
  it('pages through all runs, each once, and filters by journey', async () => {
    await using world = await startMonitorFixture();
    await world.sql(
      `insert into run (run_id, journey, result, duration_ms, start_time)
       select gen_random_uuid(), case n % 2 when 0 then 'ORDER' else 'QUOTE' end, 'SUCCEEDED', n,
         date_trunc('milliseconds', now()) - (n / 3) * interval '1 second'
       from generate_series(1, 25) as n`,
    );
    const pages = await readPages((pageToken) => world.client.listRuns({ pageSize: 7, pageToken }));
    const seen = pages.flatMap((page) => page.runs.map(({ runId }) => runId));
    expect([seen.length, new Set(seen).size]).toEqual([25, 25]);
    const { runs } = await world.client.listRuns({ journey: Journey.QUOTE });
    expect(new Set(runs.map(({ journey }) => journey))).toEqual(new Set([Journey.QUOTE]));
    expect(runs).toHaveLength(13);
  });

  it('refuses the token of another list: it would leave out runs', async () => {
    await using world = await startMonitorFixture();
    await world.sql(
      `insert into run (run_id, journey, result, duration_ms)
       select gen_random_uuid(), 'QUOTE', 'SUCCEEDED', 1 from generate_series(1, 3)`,
    );
    const { nextPageToken: pageToken } = await world.client.listRuns({ pageSize: 2, journey: Journey.QUOTE });

    for (const journey of [Journey.ORDER, Journey.UNSPECIFIED]) {
      const { error } = await refusalOf(world.client.listRuns({ pageSize: 2, pageToken, journey }));
      expect(error.code).toBe(Code.InvalidArgument);
    }
    expect((await world.client.listRuns({ pageSize: 2, pageToken, journey: Journey.QUOTE })).runs).toHaveLength(1);
  });
});
