import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { Code } from '@connectrpc/connect';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { describe, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { orAborted } from '#services/platform/base/or-aborted.ts';
import { injectTrace, traceIdOf } from '#services/platform/observability/tracing.ts';
import { refusalOf } from '../../../support/clients.ts';
import { publishEvent, readEvents } from '../../../support/events.ts';
import { allowedHeaders, headersOf } from '../../../support/identity/credentials.ts';
import { takeCallersForRemote } from '../../../support/identity/remote-callers.ts';
import { startTestNats } from '../../../support/nats.ts';
import { startGate } from '../support/gate.ts';
import { ask, countSessions, createNoteDatabase, readNotes } from '../support/open-database.ts';
import { createTinyService, startTinyService, type TinyService } from './tiny-service.ts';

const { SERVING, NOT_SERVING } = ServingStatus;
const SUBJECT = 'shop.order.v1.OrderCreated';
const SOON = { timeout: 15_000, interval: 50 };
const NOWHERE = 'nats://127.0.0.1:1';

/** Whether its port takes new connections. */
async function isOpen({ url }: TinyService): Promise<boolean> {
  try {
    await fetch(`${url}/metrics`);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false; // What fetch throws when it is not answered.
    throw error;
  }
}

const healthOf =
  ({ connection }: TinyService, service = '') =>
  async () =>
    (await connection.client(HealthService).check({ service })).status;

describe('a call', () => {
  it('is answered; its event carries its trace through outbox and stream into the handler of another service', async () => {
    await using nats = await startTestNats();
    await using orders = await createNoteDatabase('order');
    await using stock = await createNoteDatabase('inventory');
    const traceIds: string[] = [];
    await using order = await startTinyService({
      name: 'order',
      databaseUrl: orders.databaseUrl,
      natsUrl: nats.url('order'),
    });
    await using inventory = await startTinyService({
      name: 'inventory',
      databaseUrl: stock.databaseUrl,
      natsUrl: nats.url('inventory'),
      onOrderCreated: async () => void traceIds.push(traceIdOf(injectTrace().traceparent)),
    });
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };

    await order.connection.client(OrderService).cancelOrder({ orderId: 'ord1' }, { headers });

    await expect.poll(() => readNotes(stock), SOON).toEqual(['ord1']);
    const [row] = await ask<{ headers: Record<string, string> }>(orders.superuserUrl, 'select headers from outbox');
    const [stored] = await readEvents(nats, SUBJECT);
    expect(traceIdOf(row?.headers.traceparent)).toBe(traceId);
    expect(stored?.headers.traceparent).toBe(row?.headers.traceparent);
    expect(traceIds).toEqual([traceId]);
    expect(inventory.lines.some((line) => line.level === 'error')).toBe(false);
  });

  it('that is refused says why, for people and for programs', async () => {
    await using test = await createNoteDatabase('order');
    await using tiny = await startTinyService({ name: 'order', databaseUrl: test.databaseUrl, natsUrl: NOWHERE });

    const { error, reason } = await refusalOf(tiny.connection.client(OrderService).cancelOrder({ orderId: 'unknown' }));

    expect(error.code).toBe(Code.NotFound);
    expect(error.rawMessage).toBe('there is no such order');
    expect(reason).toBe('ORDER_NOT_FOUND');
  });

  it('while the database is unreachable answers unavailable with a retry delay, and works again afterwards', async () => {
    await using test = await createNoteDatabase('order');
    await using gate = await startGate(test.databaseUrl);
    await using tiny = await startTinyService({ name: 'order', databaseUrl: gate.url, natsUrl: NOWHERE });
    const client = tiny.connection.client(OrderService);
    gate.shut();

    const { error, reason } = await refusalOf(client.cancelOrder({ orderId: 'ord1' }));
    gate.open();
    await client.cancelOrder({ orderId: 'ord2' });

    expect(error.code).toBe(Code.Unavailable);
    expect(reason).toBe('DATABASE_UNAVAILABLE');
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
    expect(await readNotes(test)).toEqual(['ord2']);
  });
});

describe('a call whose caller resets it', () => {
  it('is canceled, and no error of the service, though the reset says so', async () => {
    await using test = await createNoteDatabase('order');
    const begun = Promise.withResolvers<void>();
    await using tiny = await startTinyService({
      name: 'order',
      databaseUrl: test.databaseUrl,
      natsUrl: NOWHERE,
      getOrder: (signal) => {
        begun.resolve();
        return orAborted(new Promise(() => undefined), signal);
      },
    });
    const session = connect(tiny.url);
    using _session = { [Symbol.dispose]: () => session.destroy() };

    const rpc = 'shop.order.v1.OrderService/GetOrder';
    const headers = { 'content-type': 'application/json', ...(await allowedHeaders(rpc)) };
    const call = session.request({ ':method': 'POST', ':path': `/${rpc}`, ...headers });
    const ended = once(call, 'close').catch((error: unknown) => error);
    call.end('{"orderId":"ord124"}');
    await begun.promise;
    call.close(constants.NGHTTP2_INTERNAL_ERROR);
    await ended;

    const ends = () => tiny.lines.filter((line) => line['rpc.method'] === rpc);
    await expect.poll(() => ends()).toMatchObject([{ level: 'info', 'rpc.status_code': 'canceled' }]);
    expect(await (await fetch(`${tiny.url}/metrics`)).text()).toMatch(
      /rpc_server_call_duration_seconds_count{.*GetOrder",rpc_status_code="canceled"[^}]*} 1/,
    );
  });
});

describe('health', () => {
  it('follows the database and not the broker, which has a name of its own', async () => {
    await using nats = await startTestNats();
    await using test = await createNoteDatabase('order');
    await using gate = await startGate(test.databaseUrl);
    await using tiny = await startTinyService({ name: 'order', databaseUrl: gate.url, natsUrl: nats.url('order') });
    await expect.poll(healthOf(tiny), SOON).toBe(SERVING);
    await vi.waitFor(async () => expect(await healthOf(tiny, 'broker')()).toBe(SERVING), SOON);

    await nats.kill();
    await expect.poll(healthOf(tiny, 'broker'), SOON).toBe(NOT_SERVING);
    expect(await healthOf(tiny)()).toBe(SERVING);
    expect(await healthOf(tiny, 'shop.order.v1.OrderService')()).toBe(SERVING);

    gate.shut();
    await expect.poll(healthOf(tiny), SOON).toBe(NOT_SERVING);
    expect(await healthOf(tiny, 'shop.order.v1.OrderService')()).toBe(NOT_SERVING);
    gate.open();

    await expect.poll(healthOf(tiny), SOON).toBe(SERVING);
  });
});

describe('a start', () => {
  it('needs no broker: calls are served, and their events follow when it comes', async () => {
    await using nats = await startTestNats();
    await nats.stop();
    await using test = await createNoteDatabase('order');
    await using tiny = await startTinyService({
      name: 'order',
      databaseUrl: test.databaseUrl,
      natsUrl: nats.url('order'),
    });

    await tiny.connection.client(OrderService).cancelOrder({ orderId: 'ord1' });
    await nats.restart();

    await expect.poll(() => readEvents(nats, SUBJECT), SOON).toHaveLength(1);
  });

  it('waits for an unreachable database, with its port closed', async () => {
    await using test = await createNoteDatabase('order');
    await using gate = await startGate(test.databaseUrl);
    gate.shut();
    const { service, lines } = createTinyService({ name: 'order', databaseUrl: gate.url, natsUrl: NOWHERE });
    await using _service = service;
    const starting = service.start();
    await expect.poll(() => lines.map((line) => line.msg)).toContain('the database is unreachable; trying again');

    gate.open();

    expect((await starting).port).toBeGreaterThan(0);
  });

  it('that waits for a database ends when the service is stopped, and leaves nothing', async () => {
    await using test = await createNoteDatabase('order');
    await using gate = await startGate(test.databaseUrl);
    gate.shut();
    const { service, lines } = createTinyService({ name: 'order', databaseUrl: gate.url, natsUrl: NOWHERE });
    const starting = service.start().catch(String);
    await vi.waitFor(() => expect(lines).not.toEqual([]), SOON);

    await service.stop();

    expect(await starting).toMatch(/stopped|DATABASE|connect|terminated|reset/i);
    await expect.poll(() => countSessions(test), SOON).toBe(0);
  });

  it('on a port that is taken fails, naming it, and leaves nothing', async () => {
    await using test = await createNoteDatabase('order');
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { service } = createTinyService({ name: 'order', databaseUrl: test.databaseUrl, natsUrl: NOWHERE, port });

    await expect(service.start()).rejects.toThrow(String(port));

    await expect.poll(() => countSessions(test), SOON).toBe(0);
    taken.close();
  });
});

describe('a stop', () => {
  it('lets a running call finish, refuses new ones, and closes every connection', async () => {
    await using nats = await startTestNats();
    await using test = await createNoteDatabase('inventory');
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await using tiny = await startTinyService({
      name: 'inventory',
      databaseUrl: test.databaseUrl,
      natsUrl: nats.url('inventory'),
      getOrder: () => {
        entered.resolve();
        return gate.promise;
      },
    });
    await tiny.connection.client(OrderService).cancelOrder({ orderId: 'ord1' });
    const running = tiny.connection.client(OrderService).getOrder({ orderId: 'ord124' });
    await entered.promise;

    const stopping = tiny.service.stop();
    await expect.poll(() => isOpen(tiny), SOON).toBe(false);

    gate.resolve();
    await expect(running).resolves.toBeDefined();
    await stopping;
    await expect.poll(() => countSessions(test), SOON).toBe(0);
    expect(tiny.lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  it('takes no more calls while it finishes the events it has begun', async () => {
    await using nats = await startTestNats();
    await using test = await createNoteDatabase('inventory');
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await using tiny = await startTinyService({
      name: 'inventory',
      databaseUrl: test.databaseUrl,
      natsUrl: nats.url('inventory'),
      onOrderCreated: () => {
        entered.resolve();
        return gate.promise;
      },
    });
    await publishEvent(nats, OrderCreatedSchema, { orderId: 'ord1' });
    await entered.promise;

    const stopping = tiny.service.stop();
    await expect.poll(() => isOpen(tiny), SOON).toBe(false);
    expect(await readNotes(test)).toEqual([]);
    gate.resolve();
    await stopping;

    expect(await readNotes(test)).toEqual(['ord1']);
  });

  it('is over in ten seconds although a call never ends', async () => {
    await using test = await createNoteDatabase('order');
    const entered = Promise.withResolvers<void>();
    await using tiny = await startTinyService({
      name: 'order',
      databaseUrl: test.databaseUrl,
      natsUrl: NOWHERE,
      getOrder: () => {
        entered.resolve();
        return new Promise(() => undefined);
      },
    });
    const outcome = refusalOf(tiny.connection.client(OrderService).getOrder({ orderId: 'ord124' }));
    await entered.promise;
    const begin = performance.now();

    await tiny.service.stop();

    expect(performance.now() - begin).toBeLessThan(10_000);
    expect((await outcome).error.code).toBe(Code.Unavailable);
  });
});

describe('a stop while the database hangs', () => {
  it('is over in ten seconds too, with events and a call under way', async () => {
    await using nats = await startTestNats();
    await using test = await createNoteDatabase('inventory');
    await using gate = await startGate(test.databaseUrl);
    await using tiny = await startTinyService({
      name: 'inventory',
      databaseUrl: gate.url,
      natsUrl: nats.url('inventory'),
    });
    await publishEvent(nats, OrderCreatedSchema, { orderId: 'ord0' });
    await expect.poll(() => readNotes(test), SOON).toEqual(['ord0']);
    gate.silence();
    const call = refusalOf(tiny.connection.client(OrderService).cancelOrder({ orderId: 'ord99' }));
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => publishEvent(nats, OrderCreatedSchema, { orderId: `ord${index + 1}` })),
    );
    const begin = performance.now();

    await tiny.service.stop();

    expect(performance.now() - begin).toBeLessThan(10_000);
    expect((await call).error.code).toBe(Code.Unavailable);
  });
});

describe('the metrics', () => {
  it('count calls by code, the outbox and dead letters without a call of GetStatus', async () => {
    await using test = await createNoteDatabase('order');
    await using tiny = await startTinyService({ name: 'order', databaseUrl: test.databaseUrl, natsUrl: NOWHERE });
    const client = tiny.connection.client(OrderService);
    await client.cancelOrder({ orderId: 'ord1' });
    await client.cancelOrder({ orderId: 'ord2' });
    await refusalOf(client.cancelOrder({ orderId: 'unknown' }));

    const response = await fetch(`${tiny.url}/metrics`);
    const lines = (await response.text()).split('\n');

    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const countOf = (code: string) =>
      lines.find(
        (line) =>
          /^rpc_server_call_duration_seconds_count\{.*CancelOrder/.test(line) &&
          line.includes(`rpc_status_code="${code}"`),
      );
    expect(countOf('ok')).toMatch(/ 2$/);
    expect(countOf('not_found')).toMatch(/ 1$/);
    expect(lines).toContain('messaging_outbox_unsent_messages{service="order"} 2');
    expect(lines).toContain('messaging_dead_letters{service="order"} 0');
  });

  it('are shown to another machine with a token only', async () => {
    await using test = await createNoteDatabase('order');
    await using tiny = await startTinyService({ name: 'order', databaseUrl: test.databaseUrl, natsUrl: NOWHERE });
    using _remote = takeCallersForRemote();

    const scrape = async (headers = {}) => (await fetch(`${tiny.url}/metrics`, { headers })).status;

    expect(await scrape()).toBe(401);
    expect(await scrape(await headersOf('monitor', 'prometheus'))).toBe(200);
  });
});

describe('the status', () => {
  it('shows the outbox, the broker and the consumers', async () => {
    await using nats = await startTestNats();
    await using test = await createNoteDatabase('inventory');
    await using tiny = await startTinyService({
      name: 'inventory',
      databaseUrl: test.databaseUrl,
      natsUrl: nats.url('inventory'),
    });
    const read = async () => (await tiny.connection.client(OpsService).getStatus({})).status;
    await vi.waitFor(async () => expect((await read())?.broker?.connected).toBe(true), SOON);

    await nats.kill();
    await vi.waitFor(async () => expect((await read())?.broker?.connected).toBe(false), SOON);
    await tiny.connection.client(OrderService).cancelOrder({ orderId: 'ord1' });
    // An event that was published long ago is not behind.
    await ask(
      test.superuserUrl,
      `insert into outbox (event_id, subject, payload, headers, create_time, sent_time)
       values (gen_random_uuid(), 'x', '', '{}', now() - interval '1 day', now())`,
    );

    const status = await read();
    expect(Number(status?.outbox?.oldestAge?.seconds)).toBeLessThan(3_600);
    expect(status).toMatchObject({
      service: 'inventory',
      databaseUp: true,
      outbox: { unsent: 1n },
      consumers: [{ stream: 'SHOP_ORDER', consumer: 'inventory', pending: -1n, unacknowledged: -1n }],
      deadLetters: 0n,
    });
  });
});
