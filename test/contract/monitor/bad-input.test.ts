// The responses of the monitor to invalid input: the right code, every violation at once, no run started, and it keeps serving.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Journey, RunResult } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { pageTokenOf } from '../../support/page-token.ts';
import { callRaw, clientBy, PROTOCOLS } from '../../support/raw-call.ts';
import { callUnary, connectByReflection } from '../../support/reflection-client.ts';
import { type MonitorFixture, startMonitorFixture } from '../../support/services/monitor.ts';
import { failureOf } from '../../support/stack.ts';

const RUN_JOURNEY = `${MonitorService.typeName}/RunJourney`;
const LIST_RUNS = `${MonitorService.typeName}/ListRuns`;
const TEN_MEGABYTES = 10 * 1024 * 1024;

let world: MonitorFixture;

beforeAll(async () => {
  world = await startMonitorFixture();
});
afterAll(() => world?.[Symbol.asyncDispose]());

// One monitor for the file: after any request it serves the next caller.
afterEach(async () => {
  const { run } = await world.client.runJourney({ idempotencyKey: randomUUID(), journey: Journey.QUOTE });
  expect(run?.result).toBe(RunResult.SUCCEEDED);
});

const badRequest = (...violations: string[]) => ({
  code: Code.InvalidArgument,
  reason: 'INVALID_REQUEST',
  violations,
  retryAfterMs: undefined,
});

describe('RunJourney', () => {
  it.each(PROTOCOLS)('by %s with an empty request is refused with every violation at once', async (protocol) => {
    const client = clientBy(protocol, world.url, MonitorService);

    expect(await failureOf(client.runJourney({}))).toMatchObject(
      badRequest('idempotency_key: must not be empty', 'journey: must be set'),
    );
  });

  it.each([
    ['of 129 characters', 'x'.repeat(129), 'must have at most 128 characters, has 129'],
    ['with a line break', 'key\r\n1', 'must not contain control characters'],
    ['with a zero byte', 'key\0', 'must not contain control characters'],
  ])('with a key %s and no such journey is refused for both', async (_, idempotencyKey, description) => {
    const journey = 99 as Journey;

    expect(await failureOf(world.client.runJourney({ idempotencyKey, journey }))).toMatchObject(
      badRequest(`idempotency_key: ${description}`, 'journey: must be a value of shop.monitor.v1.Journey, is 99'),
    );
  });

  it('that was refused runs nothing and leaves its key unused', async () => {
    const idempotencyKey = randomUUID();
    const seen = () => world.shop.requests(OrderService.method.createOrder).length;
    const before = seen();
    await failureOf(world.client.runJourney({ idempotencyKey }));
    expect(await world.sql('select 1 from run where idempotency_key = $1', [idempotencyKey])).toEqual([]);
    expect(seen()).toBe(before);

    const { run } = await world.client.runJourney({ idempotencyKey, journey: Journey.ORDER });

    expect(run).toMatchObject({ journey: Journey.ORDER, result: RunResult.SUCCEEDED });
  });

  it('with the key of another journey is failed_precondition in JSON as well, and the key keeps its run', async () => {
    const idempotencyKey = randomUUID();
    const ask = (journey: string) =>
      callRaw(world.url, RUN_JOURNEY, { body: JSON.stringify({ idempotencyKey, journey }) });
    const first = await ask('JOURNEY_QUOTE');

    const refused = await ask('JOURNEY_DECLINE');

    expect(refused).toMatchObject({ status: 400, code: 'failed_precondition' });
    expect(JSON.parse(refused.text).details[0]).toMatchObject({
      type: 'google.rpc.ErrorInfo',
      debug: { reason: 'IDEMPOTENCY_KEY_REUSED', domain: 'shop' },
    });
    expect(JSON.parse((await ask('JOURNEY_QUOTE')).text)).toEqual(JSON.parse(first.text));
  });

  it.each(['GET', 'PUT', 'DELETE'])('by %s is 405 and runs nothing', async (method) => {
    const before = await world.sql('select 1 from run');
    const query = new URLSearchParams({
      connect: 'v1',
      encoding: 'json',
      message: JSON.stringify({ idempotencyKey: randomUUID(), journey: 'JOURNEY_QUOTE' }),
    });

    expect((await callRaw(world.url, `${RUN_JOURNEY}?${query}`, { method })).status).toBe(405);
    expect(await world.sql('select 1 from run')).toHaveLength(before.length);
  });
});

describe('ListRuns', () => {
  it.each(PROTOCOLS)('by %s with only invalid fields is refused with every violation at once', async (protocol) => {
    const client = clientBy(protocol, world.url, MonitorService);
    const request = { journey: 99 as Journey, pageSize: -1, pageToken: 'not-mine' };

    expect(await failureOf(client.listRuns(request))).toMatchObject(
      badRequest(
        'journey: must be a value of shop.monitor.v1.Journey, is 99',
        'page_size: must be at least 0, is -1',
        'page_token: must be the next_page_token of the previous page, unchanged',
      ),
    );
  });

  it.each([
    ['of one key', ['2026-11-22T12:00:00.000Z']],
    ['of three keys', ['2026-11-22T12:00:00.000Z', randomUUID(), 'more']],
    ['of an invalid time', ['2026-13-22T12:00:00.000Z', randomUUID()]],
    ['of a time in another spelling', ['now', randomUUID()]],
    ['of an invalid id', ['2026-11-22T12:00:00.000Z', "1'; drop table run; --"]],
    ['of an invalid day', ['2026-02-31T00:00:00.000Z', randomUUID()]],
    ['of an invalid year', ['0000-01-01T00:00:00.000Z', randomUUID()]],
  ])('with a page token %s is refused for it, not broken by the database', async (_, keys) => {
    const pageToken = pageTokenOf(['runs', Journey.UNSPECIFIED], ...keys);

    expect(await failureOf(world.client.listRuns({ pageToken }))).toMatchObject(
      badRequest('page_token: must be the next_page_token of the previous page, unchanged'),
    );
  });

  it('refuses a page size of -1, by Connect’s GET as well as by POST', async () => {
    const message = JSON.stringify({ pageSize: -1 });
    const query = new URLSearchParams({ connect: 'v1', encoding: 'json', message });

    const refused = { status: 400, code: 'invalid_argument', text: expect.stringContaining('page_size') };
    expect(await callRaw(world.url, `${LIST_RUNS}?${query}`, { method: 'GET' })).toMatchObject(refused);
    expect(await callRaw(world.url, LIST_RUNS, { body: message })).toMatchObject(refused);
  });
});

describe('a request', () => {
  it.each([
    ['that ends too early', '{"idempotencyKey": "k'],
    ['of another shape', '[]'],
    ['for an unknown journey', '{"idempotencyKey":"k","journey":"JOURNEY_TO_THE_WEST"}'],
    ['with an object for a key', '{"idempotencyKey":{}}'],
  ])('in JSON %s is invalid_argument', async (_, body) => {
    expect(await callRaw(world.url, RUN_JOURNEY, { body })).toMatchObject({ status: 400, code: 'invalid_argument' });
  });

  it('with a field that this version does not know is accepted', async () => {
    const body = JSON.stringify({ idempotencyKey: randomUUID(), journey: 'JOURNEY_QUOTE', urgent: true });

    const { status, text } = await callRaw(world.url, RUN_JOURNEY, { body });

    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ run: { result: 'RUN_RESULT_SUCCEEDED' } });
  });

  it('of 10 MB is resource_exhausted by Connect and by gRPC', async () => {
    const key = 'x'.repeat(TEN_MEGABYTES);

    expect(await callRaw(world.url, RUN_JOURNEY, { body: JSON.stringify({ idempotencyKey: key }) })).toMatchObject({
      status: 429,
      code: 'resource_exhausted',
    });
    const client = await connectByReflection(new URL(world.url).host, MonitorService.typeName);
    try {
      const call = callUnary(client, 'runJourney', { idempotency_key: key });
      await expect(call).rejects.toMatchObject({ code: Code.ResourceExhausted });
    } finally {
      client.close();
    }
  });

  it.each([
    ['an unknown RPC', `${MonitorService.typeName}/CancelRun`],
    ['the service of another port', `${OrderService.typeName}/QuoteOrder`],
  ])('for %s is unimplemented', async (_, path) => {
    expect(await callRaw(world.url, path, { body: '{}' })).toMatchObject({ status: 404, code: 'unimplemented' });
  });
});
