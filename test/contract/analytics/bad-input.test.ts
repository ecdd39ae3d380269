// The responses of analytics to invalid input: the right code, every violation at once, no effect, and it keeps serving.
import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RebuildState } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { openConnection } from '../../support/clients.ts';
import { callRaw, clientBy, PROTOCOLS } from '../../support/raw-call.ts';
import { callUnary, connectByReflection } from '../../support/reflection-client.ts';
import { type AnalyticsFixture, startAnalyticsFixture } from '../../support/services/analytics.ts';
import { failureOf } from '../../support/stack.ts';

const SUMMARY = `${AnalyticsService.typeName}/GetSalesSummary`;
const WATCH = `${AnalyticsService.typeName}/WatchSales`;
const REBUILD = `${AnalyticsService.typeName}/RebuildSales`;
const MAX_WATCHERS = 100;
const TEN_MEGABYTES = 10 * 1024 * 1024;

let house: AnalyticsFixture;

beforeAll(async () => {
  house = await startAnalyticsFixture();
});
afterAll(() => house?.[Symbol.asyncDispose]());

// One service for the file: after any request it serves the next caller, and has started nothing.
afterEach(async () => {
  expect(await house.summary()).toMatchObject({ ordersCreated: 0n });
});

const badRequest = (...violations: string[]) => ({
  code: Code.InvalidArgument,
  reason: 'INVALID_REQUEST',
  violations,
  retryAfterMs: undefined,
});

describe('GetSalesSummary', () => {
  it.each(PROTOCOLS.filter((protocol) => protocol !== 'Connect JSON'))(
    'by %s with two times that are none is refused for both at once',
    async (protocol) => {
      const client = clientBy(protocol, house.url, AnalyticsService);
      const span = { startTime: { seconds: 253_402_300_800n, nanos: 0 }, endTime: { seconds: 0n, nanos: -1 } };

      expect(await failureOf(client.getSalesSummary(span))).toMatchObject(
        badRequest(
          'start_time: must be a time of the years 1 to 9999',
          'end_time: must be a time of the years 1 to 9999',
        ),
      );
    },
  );

  it.each([
    ['ends before it starts', '2026-11-22T12:00:00Z', '2026-11-22T11:00:00Z', 'end_time: must be after start_time'],
    ['ends as it starts', '2026-11-22T12:00:00Z', '2026-11-22T12:00:00Z', 'end_time: must be after start_time'],
    ['starts in the future', '2100-01-01T00:00:00Z', '', 'start_time: must be in the past when there is no end_time'],
  ])('of a span that %s is refused for it', async (_, start, end, violation) => {
    const startTime = timestampFromDate(new Date(start));
    const span = end === '' ? { startTime } : { startTime, endTime: timestampFromDate(new Date(end)) };

    expect(await failureOf(house.client.getSalesSummary(span))).toMatchObject(badRequest(violation));
  });

  it.each([
    ['in words', '{"startTime":"yesterday"}'],
    ['without a zone', '{"startTime":"2026-11-22T12:00:00"}'],
    ['of the year 10000', '{"endTime":"10000-01-01T00:00:00Z"}'],
    ['as a number', '{"endTime":1700000000}'],
  ])('in JSON with a time %s is invalid_argument, by POST and by GET', async (_, body) => {
    const query = new URLSearchParams({ connect: 'v1', encoding: 'json', message: body });

    const refused = { status: 400, code: 'invalid_argument' };
    expect(await callRaw(house.url, SUMMARY, { body })).toMatchObject(refused);
    expect(await callRaw(house.url, `${SUMMARY}?${query}`, { method: 'GET' })).toMatchObject(refused);
  });
});

describe('RebuildSales', () => {
  const begun = async () => await house.sql('select max(generation) as latest from generation');

  it.each(PROTOCOLS)('by %s without a key is refused, and starts nothing', async (protocol) => {
    const before = await begun();

    const failure = await failureOf(clientBy(protocol, house.url, AnalyticsService).rebuildSales({}));

    expect(failure).toMatchObject(badRequest('idempotency_key: must not be empty'));
    expect(await begun()).toEqual(before);
  });

  it.each([
    ['of 129 characters', 'x'.repeat(129), 'must have at most 128 characters, has 129'],
    ['with a zero byte', 'key\0', 'must not contain control characters'],
  ])('with a key %s is refused for it', async (_, idempotencyKey, description) => {
    expect(await failureOf(house.client.rebuildSales({ idempotencyKey }))).toMatchObject(
      badRequest(`idempotency_key: ${description}`),
    );
  });

  it('with a duplicate key returns the state of the rebuild, and starts no second one', async () => {
    const idempotencyKey = randomUUID();
    const ask = async () => (await house.client.rebuildSales({ idempotencyKey })).rebuild;
    const first = await ask();
    const latest = await begun();

    await expect.poll(ask, { timeout: 20_000 }).toMatchObject({ state: RebuildState.DONE });

    expect((await ask())?.startTime).toEqual(first?.startTime);
    expect(await begun()).toEqual(latest);
  });

  it.each(['GET', 'PUT'])('by %s is 405', async (method) => {
    expect((await callRaw(house.url, REBUILD, { method })).status).toBe(405);
  });
});

describe('WatchSales', () => {
  it('requested as a unary call is 415', async () => {
    expect(await callRaw(house.url, WATCH, { body: '{}' })).toMatchObject({ status: 415 });
  });

  it('with an unreadable message ends at once with invalid_argument', async () => {
    const message = '{"since":';
    const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), Buffer.from(message)]);

    const { text } = await callRaw(house.url, WATCH, {
      body: new Uint8Array(body),
      contentType: 'application/connect+json',
    });

    expect(text).toContain('"code":"invalid_argument"');
  });

  it('by one caller too many is resource_exhausted with RetryInfo, until another caller leaves', async () => {
    // One connection has room for no more than 100 calls.
    using first = openConnection(house.url);
    using second = openConnection(house.url);
    const clients = [first, second].map((connection) => connection.client(AnalyticsService));
    const watch = async (_?: unknown, number = 0) => {
      const client = clients[number % 2]!;
      const leaving = new AbortController();
      const sales = client.watchSales({}, { signal: leaving.signal })[Symbol.asyncIterator]();
      await sales.next();
      return { leave: () => leaving.abort() };
    };
    const watchers = await Promise.all(Array.from({ length: MAX_WATCHERS }, watch));

    expect(await failureOf(watch())).toMatchObject({
      code: Code.ResourceExhausted,
      reason: 'TOO_MANY_WATCHERS',
      retryAfterMs: 5_000,
    });
    expect(await house.summary()).toMatchObject({ rebuilding: false });
    watchers.pop()?.leave();
    await expect.poll(() => watch().then(() => 'watching', String), { timeout: 20_000 }).toBe('watching');
  });
});

describe('a request', () => {
  it('with a field that this version does not know is accepted', async () => {
    expect(await callRaw(house.url, SUMMARY, { body: '{"currency":"EUR"}' })).toMatchObject({ status: 200, code: '' });
  });

  it('of 10 MB is resource_exhausted by Connect and by gRPC', async () => {
    const key = 'x'.repeat(TEN_MEGABYTES);

    expect(await callRaw(house.url, REBUILD, { body: JSON.stringify({ idempotencyKey: key }) })).toMatchObject({
      status: 429,
      code: 'resource_exhausted',
    });
    const client = await connectByReflection(new URL(house.url).host, AnalyticsService.typeName);
    try {
      const call = callUnary(client, 'rebuildSales', { idempotency_key: key });
      await expect(call).rejects.toMatchObject({ code: Code.ResourceExhausted });
    } finally {
      client.close();
    }
  });
});
