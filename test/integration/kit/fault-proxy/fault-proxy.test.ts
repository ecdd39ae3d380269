// The fault proxy between real clients and a real server: its faults affect their targets and nothing else.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import {
  bandwidth,
  blackHole,
  type FaultProxy,
  failAlways,
  failEvery,
  failFirst,
  goAway,
  latency,
  partition,
  refuse,
  slowClose,
  startFaultProxy,
  startVirtualService,
} from '@touchstone/kit';
import { describe, expect, it, vi } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PATIENCE } from '../../../support/patience.ts';
import {
  checkAvailability,
  dialects,
  outcomeOf,
  reserveStock,
  reserveStockRpc,
  sharedDialects,
  startFixture,
  versions,
} from './clients.ts';

const { watchOrder } = OrderService.method;
const rpc = reserveStockRpc;

/** Starts a TCP server whose connections the test handles. */
async function startTcpServer(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // A connection that breaks is part of the test.
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `tcp://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

describe('without faults', () => {
  it.each(dialects)('passes large and small calls unchanged in $dialect', async ({ open }) => {
    await using fixture = await startFixture();
    using caller = open(fixture.proxy.url);
    const large = 'x'.repeat(1_000_000);

    const answers = await Promise.all([
      caller.reserve(),
      caller.check(large),
      caller.check('p2'),
      caller.reserve(large),
    ]);

    expect(answers).toEqual(['res123', large, 'p2', 'res123']);
    expect(
      fixture.service
        .requests(reserveStock)
        .map(({ orderId }) => orderId.length)
        .sort(),
    ).toEqual([1_000_000, 2]);
  });

  it('passes other protocols than HTTP, also if the server sends first', async () => {
    await using server = await startTcpServer((socket) => {
      socket.write('220 ready\r\n');
      socket.on('data', (bytes) => socket.end(bytes));
    });
    await using proxy = await startFaultProxy({ upstream: server.url });

    const client = connect(proxy.port, proxy.host);
    const [greeting] = await once(client, 'data');
    client.write('HELO');
    const [echo] = await once(client, 'data');
    client.end();
    await once(client, 'close');

    expect([String(greeting), String(echo)]).toEqual(['220 ready\r\n', 'HELO']);
  });

  it('resets a client that goes on sending after the upstream service is gone', async () => {
    await using server = await startTcpServer((socket) => socket.once('data', () => socket.destroy()));
    await using proxy = await startFaultProxy({ upstream: server.url });
    const client = connect({ port: proxy.port, host: proxy.host, allowHalfOpen: true });
    const failed = vi.fn();
    client.on('error', failed);

    client.write('first');
    await once(client.resume(), 'end');
    const sendMore = () => {
      client.write('more');
      return proxy.connections;
    };

    await expect.poll(sendMore, PATIENCE).toBe(0);
    await expect.poll(() => client.destroyed, PATIENCE).toBe(true);
    expect(failed).toHaveBeenCalled();
  });

  it('resets its client if nothing listens upstream', async () => {
    await using proxy = await startFaultProxy({ upstream: 'http://127.0.0.1:1' });
    using caller = versions[0]!.open(proxy.url);

    expect(await outcomeOf(caller.reserve())).toBe('aborted');
    await expect.poll(() => proxy.connections).toBe(0);
  });
});

describe('a fault of one RPC', () => {
  it.each(sharedDialects)('does not affect other RPCs of the same connection in $dialect', async ({ open }) => {
    await using fixture = await startFixture();
    using caller = open(fixture.proxy.url);
    await caller.check();
    const hole = fixture.proxy.inject(blackHole(), { rpc });

    const held = Array.from({ length: 5 }, () => caller.reserve());
    const checks = await Promise.all(Array.from({ length: 20 }, (_, index) => caller.check(`p${index}`)));

    expect(checks).toHaveLength(20);
    await expect.poll(() => hole.hits).toBe(5);
    fixture.service.received(reserveStock).never();
    expect(fixture.proxy.connections).toBe(1);
    hole.remove();
    expect(await Promise.all(held)).toEqual(Array.from({ length: 5 }, () => 'res123'));
  });

  it('lets later calls of the connection overtake, with correct headers', async () => {
    await using fixture = await startFixture();
    const sessionManager = new Http2SessionManager(fixture.proxy.url);
    const client = createClient(InventoryService, createGrpcTransport({ baseUrl: fixture.proxy.url, sessionManager }));
    const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('');
    const headersOf = (number: number) => ({ 'x-number': `${number}`, 'x-printable': printable, 'x-same': 'same' });
    const handle = fixture.proxy.inject(latency({ delayMs: 60_000 }), { rpc, direction: 'both', every: 2 });

    const reserving = [1, 2, 3, 4].map((number) =>
      client.reserveStock({ orderId: `o${number}` }, { headers: headersOf(number) }),
    );
    await vi.waitFor(() => fixture.service.received(reserveStock).times(2), PATIENCE);
    await client.checkAvailability({ productId: 'p1' }, { headers: headersOf(5) });
    handle.remove();
    await Promise.all(reserving);
    await client.checkAvailability({ productId: 'p2' }, { headers: headersOf(6) });
    sessionManager.abort();

    const seen = (calls: { requestHeader: Headers }[]) =>
      calls.map(({ requestHeader }) => requestHeader.get('x-number'));
    expect(seen(fixture.service.calls(reserveStock))).toEqual(['1', '3', '2', '4']);
    expect(seen(fixture.service.calls(checkAvailability))).toEqual(['5', '6']);
    for (const { requestHeader } of fixture.service.calls(reserveStock)) {
      expect([requestHeader.get('x-printable'), requestHeader.get('x-same')]).toEqual([printable, 'same']);
    }
  });

  it.each([
    { how: 'slowed down', fault: () => bandwidth({ bytesPerSecond: 1000 }) },
    { how: 'held', fault: () => blackHole() },
  ])('that is $how leaves the connection window to other RPCs', async ({ fault }) => {
    await using fixture = await startFixture();
    using caller = sharedDialects[0]!.open(fixture.proxy.url);
    const large = 'x'.repeat(300_000);
    const handle = fixture.proxy.inject(fault(), { rpc, direction: 'both' });

    const slow = Array.from({ length: 4 }, () => caller.reserve(large));
    await expect.poll(() => handle.hits).toBe(4);
    expect(await Promise.all(Array.from({ length: 5 }, () => caller.check(large)))).toHaveLength(5);
    fixture.service.received(reserveStock).never();

    handle.remove();
    expect(await Promise.all(slow)).toHaveLength(4);
    expect(await caller.check(large)).toBe(large);
  });

  it('hits a server stream in the middle of its messages', async () => {
    await using service = await startVirtualService({ services: [OrderService] });
    service.stub(watchOrder).replies([{ order: { orderId: 'a' } }, { order: { orderId: 'b' } }]);
    await using proxy = await startFaultProxy({ upstream: service.url });
    const sessionManager = new Http2SessionManager(proxy.url);
    const client = createClient(OrderService, createGrpcTransport({ baseUrl: proxy.url, sessionManager }));
    const late = proxy.inject(slowClose({ delayMs: 60_000 }), { rpc: 'shop.order.v1.OrderService/*' });

    const seen: string[] = [];
    const watching = (async () => {
      for await (const { order } of client.watchOrder({})) seen.push(order?.orderId ?? '');
      seen.push('end');
    })();
    await expect.poll(() => late.hits).toBe(1);
    await expect.poll(() => seen).toEqual(['a', 'b']);
    late.remove();
    await watching;
    sessionManager.abort();

    expect(seen).toEqual(['a', 'b', 'end']);
  });
});

describe('a held call', () => {
  it.each(versions)('is discarded by a black hole once its caller gave up, in $dialect', async ({ open }) => {
    await using fixture = await startFixture();
    using caller = open(fixture.proxy.url);
    const hole = fixture.proxy.inject(blackHole(), { rpc });

    expect(await outcomeOf(caller.reserve('o1', { timeoutMs: 50 }))).toBe('deadline_exceeded');
    // Once a later call of the same connection is answered, or the connection is closed, the proxy knows that the caller gave up.
    await caller.check();
    await expect.poll(() => fixture.proxy.connections).toBe(1);
    hole.remove();
    await caller.reserve('o2');

    expect(fixture.service.requests(reserveStock).map(({ orderId }) => orderId)).toEqual(['o2']);
  });

  it('is delivered when its partition heals, although its caller gave up', async () => {
    await using fixture = await startFixture();
    using caller = versions[0]!.open(fixture.proxy.url);
    await caller.check();
    const cut = fixture.proxy.inject(partition(), { direction: 'up' });

    expect(await outcomeOf(caller.reserve('late', { timeoutMs: 50 }))).toBe('deadline_exceeded');
    fixture.service.received(reserveStock).never();
    cut.remove();

    await vi.waitFor(() => fixture.service.received(reserveStock).times(1), PATIENCE);
    await expect.poll(() => fixture.proxy.connections).toBe(0);
  });

  it.each(versions)('is late by the delay of the fault, in $dialect', async ({ open }) => {
    await using fixture = await startFixture();
    using caller = open(fixture.proxy.url);
    await caller.reserve();
    const lateness = async () => {
      const begin = performance.now();
      await caller.reserve();
      return performance.now() - begin;
    };

    const slow = fixture.proxy.inject(latency({ delayMs: 150, jitterMs: 50 }), { rpc });
    expect(await lateness()).toBeGreaterThanOrEqual(149);
    expect(await lateness()).toBeGreaterThanOrEqual(149);

    expect(slow.hits).toBe(2);
  });

  it.each([
    { why: 'its reader is slow', hold: () => undefined },
    { why: 'a fault holds it', hold: (proxy: FaultProxy) => proxy.inject(blackHole(), { direction: 'down' }) },
  ])('stays bounded when $why, and arrives complete', async ({ hold }) => {
    const total = 64 * 1024 * 1024;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    await using server = await startTcpServer((socket) => {
      const pour = () => {
        while (written < total) {
          written += chunk.length;
          if (!socket.write(chunk)) return;
        }
        socket.end();
      };
      socket.on('drain', pour);
      pour();
    });
    await using proxy = await startFaultProxy({ upstream: server.url, maxHeldBytes: 100_000 });
    const fault = hold(proxy);

    const client = connect(proxy.port, proxy.host);
    await expect.poll(() => written).toBeGreaterThan(chunk.length);
    let before = -1;
    await vi.waitFor(
      () => {
        const settled = written === before;
        before = written;
        expect(settled).toBe(true);
      },
      { interval: 100 },
    );
    // Only the buffers of the operating system may hold bytes beyond `maxHeldBytes`.
    expect(written).toBeLessThan(total / 2);

    fault?.remove();
    let read = 0;
    for await (const bytes of client) read += (bytes as Buffer).length;
    expect(read).toBe(total);
  });
});

describe('a schedule', () => {
  it.each([
    {
      name: 'the first two',
      inject: () => failFirst(2),
      expected: ['unavailable', 'unavailable', 'ok', 'ok', 'ok', 'ok'],
    },
    {
      name: 'every third',
      inject: () => failEvery(3),
      expected: ['ok', 'ok', 'unavailable', 'ok', 'ok', 'unavailable'],
    },
  ])('fails $name in every protocol', async ({ inject, expected }) => {
    for (const { open } of versions) {
      await using fixture = await startFixture();
      using caller = open(fixture.proxy.url);
      const handle = fixture.proxy.inject(inject(), { rpc });

      const outcomes: string[] = [];
      for (const _ of expected) outcomes.push(await outcomeOf(caller.reserve()));

      expect(outcomes).toEqual(expected);
      expect([handle.hits, handle.seen]).toEqual([2, 6]);
    }
  });

  it('hits the same calls for the same seed, and different ones for another', async () => {
    const outcomes = async (seed: number) => {
      await using fixture = await startFixture({ seed });
      using caller = sharedDialects[0]!.open(fixture.proxy.url);
      fixture.proxy.inject(failAlways(), { rpc, probability: 0.5 });
      fixture.proxy.inject(goAway({ refuses: false }), { rpc, times: 1 });
      const seen: string[] = [];
      for (let call = 0; call < 16; call += 1) seen.push(await outcomeOf(caller.reserve()));
      return seen.map((outcome) => (outcome === 'ok' ? '.' : 'x')).join('');
    };

    const first = await outcomes(7);

    expect(await outcomes(7)).toBe(first);
    expect(await outcomes(8)).not.toBe(first);
  });
});

describe('the proxy', () => {
  it('closes its port for a fault, and opens the same port again', async () => {
    await using fixture = await startFixture();
    using caller = versions[0]!.open(fixture.proxy.url);
    await caller.reserve();
    const { port } = fixture.proxy;

    const gone = fixture.proxy.inject(refuse({ closesPort: true }));
    const refused = connect(port, fixture.proxy.host);
    const [error] = await once(refused, 'error');
    gone.remove();

    expect([(error as NodeJS.ErrnoException).code, gone.hits]).toEqual(['ECONNREFUSED', 1]);
    await expect.poll(() => outcomeOf(caller.reserve())).toBe('ok');
    expect(fixture.proxy.port).toBe(port);
  });

  it.each(dialects)('stops at once with hanging calls, and leaves nothing open, in $dialect', async ({ open }) => {
    await using fixture = await startFixture();
    using caller = open(fixture.proxy.url);
    const { proxy } = fixture;
    const hole = proxy.inject(blackHole(), { rpc });
    const hanging = outcomeOf(caller.reserve('o1', { timeoutMs: 20_000 }));
    await expect.poll(() => hole.hits).toBe(1);

    await proxy.stop();

    expect(['aborted', 'canceled', 'unavailable']).toContain(await hanging);
    expect([proxy.connections, proxy.faults()]).toEqual([0, []]);
    expect(() => proxy.inject(blackHole())).toThrow('was stopped');
    const late = connect(proxy.port, proxy.host);
    expect(((await once(late, 'error'))[0] as NodeJS.ErrnoException).code).toBe('ECONNREFUSED');
  });

  it('names the address that is not available', async () => {
    await using proxy = await startFaultProxy({ upstream: 'http://127.0.0.1:1' });

    await expect(startFaultProxy({ upstream: 'http://127.0.0.1:1', port: proxy.port })).rejects.toThrow(
      `the fault proxy cannot listen on 127.0.0.1:${proxy.port}`,
    );
  });
});
