import { randomUUID } from 'node:crypto';
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { failedPrecondition, notFound } from '#services/platform/base/errors.ts';
import type { Broker } from '#services/platform/messaging/broker.ts';
import type { DeadLetter, DeadLetters } from '#services/platform/messaging/dead-letters.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createOpsService } from '#services/platform/runtime/ops-service.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { pageTokenOf } from '../../../support/page-token.ts';
import { allowEveryone } from '../../../support/services/call.ts';
import { createFakeDatabase } from '../support/fake-database.ts';
import { recordLog } from '../support/recorded-log.ts';

const letter = (number: number): DeadLetter => ({
  deadLetterId: randomUUID(),
  stream: 'SHOP_ORDER',
  eventId: randomUUID(),
  subject: 'shop.order.v1.OrderCreated',
  payload: Uint8Array.of(1, 2, 3),
  headers: { 'ce-type': 'shop.order.v1.OrderCreated' },
  error: 'no such product',
  attempts: 5,
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  createTime: new Date(1_700_000_000_123 + number),
  position: String(1_700_000_000_123_456 + number),
});

/** The operators' RPCs over dead letters that a test answers for. */
function createOps({
  list = async () => [],
  replay = async () => undefined,
  discard = async () => undefined,
}: Partial<DeadLetters> = {}) {
  const metrics = createMetrics('order');
  let readings = 0;
  const deadLetters = {
    list: vi.fn<DeadLetters['list']>(list),
    replay: vi.fn<DeadLetters['replay']>(replay),
    discard: vi.fn<DeadLetters['discard']>(discard),
  };
  const status = {
    service: 'order',
    startTime: new Date(),
    database: createFakeDatabase(() => {
      readings += 1;
      return [{ unsent: 0, oldest_age_ms: 0, dead_letters: 0 }];
    }),
    broker: { status: () => ({ connected: true, since: new Date() }) } as Broker,
    consumers: [],
    breakers: [],
    metrics,
  };
  const transport = createRouterTransport(({ service }) => service(OpsService, createOpsService(status, deadLetters)), {
    router: {
      interceptors: createServerInterceptors({
        accessControl: allowEveryone,
        domain: DOMAIN,
        metrics,
        log: recordLog().log,
      }),
    },
  });
  return { deadLetters, metrics, client: createClient(OpsService, transport), statusReadings: () => readings };
}

const refusalOf = (error: unknown) => ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;

it('returns the status', async () => {
  const { client } = createOps();

  expect((await client.getStatus({})).status).toMatchObject({ service: 'order', databaseUp: true });
});

it('reads the status once for all who ask at the same time', async () => {
  const { client, statusReadings } = createOps();

  const answers = await Promise.all(Array.from({ length: 64 }, () => client.getStatus({})));

  expect(answers.every(({ status }) => status?.databaseUp)).toBe(true);
  expect(statusReadings()).toBeLessThanOrEqual(2);
});

describe('calls about dead letters', () => {
  it('are two at once; of the others some are queued and the rest rejected with a retry delay', async () => {
    const release = Promise.withResolvers<void>();
    let running = 0;
    const { client, metrics } = createOps({
      list: async () => {
        running += 1;
        await release.promise;
        return [];
      },
    });

    const calls = Array.from({ length: 60 }, () => client.listDeadLetters({}).then(() => 'ok', refusalOf));
    const rejected = await Promise.all(calls.slice(52));
    expect(running).toBe(2);
    release.resolve();

    expect(rejected).toEqual(Array.from({ length: 8 }, () => 'OVERLOADED'));
    expect(await Promise.all(calls.slice(0, 52))).toEqual(Array.from({ length: 52 }, () => 'ok'));
    expect(await metrics.registry.metrics()).toContain('bulkhead_rejected_total{bulkhead="ops",service="order"} 8');
  });

  it.each(['replayDeadLetter', 'discardDeadLetter'] as const)('are two at once, those of %s too', async (rpc) => {
    let running = 0;
    let most = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    const { client } = createOps({ replay: work, discard: work });

    await Promise.all(Array.from({ length: 20 }, () => client[rpc]({ deadLetterId: randomUUID() })));

    expect(most).toBe(2);
  });
});

describe('the list of dead letters', () => {
  const tokenOf = (...keys: string[]) => pageTokenOf(['dead letters'], ...keys);

  it('gives each letter with all that is known of it', async () => {
    const { position, createTime, ...rest } = letter(0);
    const { client } = createOps({ list: async () => [{ position, createTime, ...rest }] });

    const { deadLetters, nextPageToken } = await client.listDeadLetters({});

    expect(deadLetters).toMatchObject([{ ...rest, createTime: { seconds: 1_700_000_000n, nanos: 123_000_000 } }]);
    expect(nextPageToken).toBe('');
  });

  it('has 50 by default', async () => {
    const { client, deadLetters } = createOps();

    await client.listDeadLetters({});
    await client.listDeadLetters({ pageSize: 3 });

    expect(deadLetters.list.mock.calls).toMatchObject([
      [{ size: 50, after: undefined }],
      [{ size: 3, after: undefined }],
    ]);
  });

  it('continues after the last letter of the previous page', async () => {
    const letters = [letter(0), letter(1), letter(2)];
    const { client, deadLetters } = createOps({ list: async () => letters });

    const { nextPageToken, ...first } = await client.listDeadLetters({ pageSize: 2 });
    await client.listDeadLetters({ pageSize: 2, pageToken: nextPageToken });

    expect(first.deadLetters).toHaveLength(2);
    expect(deadLetters.list).toHaveBeenLastCalledWith(
      expect.objectContaining({ size: 2, after: [letters[1]!.position, letters[1]!.deadLetterId] }),
    );
  });

  it.each([
    ['no token', 'nonsense'],
    ['another list of one key', pageTokenOf(['products'], 'a')],
    ['a time that is none', tokenOf('Tue', randomUUID())],
    ['a day that is not', tokenOf('2026-02-31T00:00:00.000Z', randomUUID())],
    ['a number too long to be a time', tokenOf('9'.repeat(30), randomUUID())],
    ['an id that is none', tokenOf('1700000000123456', 'x')],
  ])('refuses a token with %s', async (_, pageToken) => {
    const { client, deadLetters } = createOps();

    await expect(client.listDeadLetters({ pageToken })).rejects.toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringContaining('page_token'),
    });
    expect(deadLetters.list).not.toHaveBeenCalled();
  });

  it('refuses a page of -1', async () => {
    const { client } = createOps();

    await expect(client.listDeadLetters({ pageSize: -1 })).rejects.toMatchObject({ code: Code.InvalidArgument });
  });
});

describe.each(['replayDeadLetter', 'discardDeadLetter'] as const)('%s', (rpc) => {
  it.each(['', 'x', '00000000-0000-0000-0000-00000000000', "' or true"])(
    'refuses %j as an id',
    async (deadLetterId) => {
      const { client, deadLetters } = createOps();

      await expect(client[rpc]({ deadLetterId })).rejects.toMatchObject({
        code: Code.InvalidArgument,
        message: expect.stringContaining('dead_letter_id'),
      });
      expect(deadLetters.replay).not.toHaveBeenCalled();
      expect(deadLetters.discard).not.toHaveBeenCalled();
    },
  );

  it('takes a UUID in any case', async () => {
    const { client, deadLetters } = createOps();
    const deadLetterId = randomUUID().toUpperCase();

    await client[rpc]({ deadLetterId });

    const called = rpc === 'replayDeadLetter' ? deadLetters.replay : deadLetters.discard;
    expect(called).toHaveBeenCalledExactlyOnceWith(deadLetterId);
  });
});

it.each([
  [notFound('DEAD_LETTER_NOT_FOUND', 'there is none'), Code.NotFound],
  [failedPrecondition('REPLAY_FAILED', 'it still cannot be applied'), Code.FailedPrecondition],
])('answers a replay that fails with its reason: %#', async (error, code) => {
  const { client } = createOps({ replay: () => Promise.reject(error) });

  await expect(client.replayDeadLetter({ deadLetterId: randomUUID() })).rejects.toMatchObject({ code });
});
