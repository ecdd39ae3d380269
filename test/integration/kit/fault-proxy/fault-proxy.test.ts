// The proxy between real clients and a real server: that it harms what it is told to, and nothing else.
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
import {
  checkAvailability,
  dialects,
  outcomeOf,
  reserveStock,
  reserveStockRpc,
  sharedDialects,
  startSetting,
  versions,
} from './clients.ts';

const { watchOrder } = OrderService.method;
const rpc = reserveStockRpc;

/** A TCP server on a port of its own, whose connections the test handles. */
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
  it.each(dialects)('passes calls large and small, with all they carry, in $dialect', async ({ open }) => {
    await using setting = await startSetting();
    using caller = open(setting.proxy.url);
    const large = 'x'.repeat(1_000_000);

    const answers = await Promise.all([
      caller.reserve(),
      caller.check(large),
      caller.check('p2'),
      caller.reserve(large),
    ]);

    expect(answers).toEqual(['res123', large, 'p2', 'res123']);
    expect(
      setting.service
        .requests(reserveStock)
        .map(({ orderId }) => orderId.length)
        .sort(),
    ).toEqual([1_000_000, 2]);
  });

  it('passes what is not HTTP, also when the server speaks first', async () => {
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

  it('resets its client when nobody listens upstream', async () => {
    await using proxy = await startFaultProxy({ upstream: 'http://127.0.0.1:1' });
    using caller = versions[0]!.open(proxy.url);

    expect(await outcomeOf(caller.reserve())).toBe('aborted');
    await vi.waitFor(() => expect(proxy.connections).toBe(0));
  });
});

describe('a fault of one RPC', () => {
  it.each(sharedDialects)('leaves the other RPCs of the same connection alone, in $dialect', async ({ open }) => {
    await using setting = await startSetting();
    using caller = open(setting.proxy.url);
    await caller.check();
    const hole = setting.proxy.inject(blackHole(), { rpc });

    const swallowed = Array.from({ length: 5 }, () => caller.reserve());
    const checks = await Promise.all(Array.from({ length: 20 }, (_, index) => caller.check(`p${index}`)));

    expect(checks).toHaveLength(20);
    await vi.waitFor(() => expect(hole.hits).toBe(5));
    setting.service.received(reserveStock).never();
    expect(setting.proxy.connections).toBe(1);
    hole.remove();
    expect(await Promise.all(swallowed)).toEqual(Array.from({ length: 5 }, () => 'res123'));
  });

  it('lets later calls of the connection overtake, with every header right', async () => {
    await using setting = await startSetting();
    const sessionManager = new Http2SessionManager(setting.proxy.url);
    const client = createClient(InventoryService, createGrpcTransport({ baseUrl: setting.proxy.url, sessionManager }));
    const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('');
    const headersOf = (number: number) => ({ 'x-number': `${number}`, 'x-printable': printable, 'x-same': 'same' });
    const handle = setting.proxy.inject(latency({ delayMs: 60_000 }), { rpc, direction: 'both', every: 2 });

    const reserving = [1, 2, 3, 4].map((number) =>
      client.reserveStock({ orderId: `o${number}` }, { headers: headersOf(number) }),
    );
    await vi.waitFor(() => setting.service.received(reserveStock).times(2));
    await client.checkAvailability({ productId: 'p1' }, { headers: headersOf(5) });
    handle.remove();
    await Promise.all(reserving);
    await client.checkAvailability({ productId: 'p2' }, { headers: headersOf(6) });
    sessionManager.abort();

    const seen = (calls: { requestHeader: Headers }[]) =>
      calls.map(({ requestHeader }) => requestHeader.get('x-number'));
    expect(seen(setting.service.calls(reserveStock))).toEqual(['1', '3', '2', '4']);
    expect(seen(setting.service.calls(checkAvailability))).toEqual(['5', '6']);
    for (const { requestHeader } of setting.service.calls(reserveStock)) {
      expect([requestHeader.get('x-printable'), requestHeader.get('x-same')]).toEqual([printable, 'same']);
    }
  });

  it.each([
    { how: 'slowed down', fault: () => bandwidth({ bytesPerSecond: 1000 }) },
    { how: 'swallowed', fault: () => blackHole() },
  ])('that is $how does not use up the connection window that other RPCs need', async ({ fault }) => {
    await using setting = await startSetting();
    using caller = sharedDialects[0]!.open(setting.proxy.url);
    const large = 'x'.repeat(300_000);
    const handle = setting.proxy.inject(fault(), { rpc, direction: 'both' });

    const slow = Array.from({ length: 4 }, () => caller.reserve(large));
    await vi.waitFor(() => expect(handle.hits).toBe(4));
    expect(await Promise.all(Array.from({ length: 5 }, () => caller.check(large)))).toHaveLength(5);
    setting.service.received(reserveStock).never();

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
    await vi.waitFor(() => expect(late.hits).toBe(1));
    await vi.waitFor(() => expect(seen).toEqual(['a', 'b']));
    late.remove();
    await watching;
    sessionManager.abort();

    expect(seen).toEqual(['a', 'b', 'end']);
  });
});

describe('what is held back', () => {
  it.each(versions)('is forgotten by a black hole once its caller gave up, in $dialect', async ({ open }) => {
    await using setting = await startSetting();
    using caller = open(setting.proxy.url);
    const hole = setting.proxy.inject(blackHole(), { rpc });

    expect(await outcomeOf(caller.reserve('o1', { timeoutMs: 50 }))).toBe('deadline_exceeded');
    // The proxy has heard of it when a later call of the same connection is through, or the connection is gone.
    await caller.check();
    await vi.waitFor(() => expect(setting.proxy.connections).toBe(1));
    hole.remove();
    await caller.reserve('o2');

    expect(setting.service.requests(reserveStock).map(({ orderId }) => orderId)).toEqual(['o2']);
  });

  it('is delivered by a partition when it heals, though its caller gave up', async () => {
    await using setting = await startSetting();
    using caller = versions[0]!.open(setting.proxy.url);
    await caller.check();
    const cut = setting.proxy.inject(partition(), { direction: 'up' });

    expect(await outcomeOf(caller.reserve('late', { timeoutMs: 50 }))).toBe('deadline_exceeded');
    setting.service.received(reserveStock).never();
    cut.remove();

    await vi.waitFor(() => setting.service.received(reserveStock).times(1));
    await vi.waitFor(() => expect(setting.proxy.connections).toBe(0));
  });

  it.each(versions)('is late by what the fault says, in $dialect', async ({ open }) => {
    await using setting = await startSetting();
    using caller = open(setting.proxy.url);
    await caller.reserve();
    const lateness = async () => {
      const begin = performance.now();
      await caller.reserve();
      return performance.now() - begin;
    };

    const slow = setting.proxy.inject(latency({ delayMs: 150, jitterMs: 50 }), { rpc });
    expect(await lateness()).toBeGreaterThanOrEqual(149);
    expect(await lateness()).toBeGreaterThanOrEqual(149);

    expect(slow.hits).toBe(2);
  });

  it.each([
    { why: 'its reader is slow', hold: () => undefined },
    { why: 'a fault holds it', hold: (proxy: FaultProxy) => proxy.inject(blackHole(), { direction: 'down' }) },
  ])('stays bounded when $why, and is complete in the end', async ({ hold }) => {
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
    await vi.waitFor(() => expect(written).toBeGreaterThan(chunk.length));
    let before = -1;
    await vi.waitFor(
      () => {
        const settled = written === before;
        before = written;
        expect(settled).toBe(true);
      },
      { interval: 100 },
    );
    // What the buffers of the system take, and no more.
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
  ])('fails $name, however the client speaks', async ({ inject, expected }) => {
    for (const { open } of versions) {
      await using setting = await startSetting();
      using caller = open(setting.proxy.url);
      const handle = setting.proxy.inject(inject(), { rpc });

      const outcomes: string[] = [];
      for (const _ of expected) outcomes.push(await outcomeOf(caller.reserve()));

      expect(outcomes).toEqual(expected);
      expect([handle.hits, handle.seen]).toEqual([2, 6]);
    }
  });

  it('hits the same calls for the same seed, and others for another', async () => {
    const outcomes = async (seed: number) => {
      await using setting = await startSetting({ seed });
      using caller = sharedDialects[0]!.open(setting.proxy.url);
      setting.proxy.inject(failAlways(), { rpc, probability: 0.5 });
      setting.proxy.inject(goAway({ refuses: false }), { rpc, times: 1 });
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
  it('closes its port while nobody is to listen there, and has the same one again', async () => {
    await using setting = await startSetting();
    using caller = versions[0]!.open(setting.proxy.url);
    await caller.reserve();
    const { port } = setting.proxy;

    const gone = setting.proxy.inject(refuse({ closesPort: true }));
    const refused = connect(port, setting.proxy.host);
    const [error] = await once(refused, 'error');
    gone.remove();

    expect([(error as NodeJS.ErrnoException).code, gone.hits]).toEqual(['ECONNREFUSED', 1]);
    await vi.waitFor(async () => expect(await outcomeOf(caller.reserve())).toBe('ok'));
    expect(setting.proxy.port).toBe(port);
  });

  it.each(dialects)(
    'stops at once with calls hanging in it, and leaves nothing open, in $dialect',
    async ({ open }) => {
      await using setting = await startSetting();
      using caller = open(setting.proxy.url);
      const { proxy } = setting;
      const hole = proxy.inject(blackHole(), { rpc });
      const hanging = outcomeOf(caller.reserve('o1', { timeoutMs: 20_000 }));
      await vi.waitFor(() => expect(hole.hits).toBe(1));

      await proxy.stop();

      expect(['aborted', 'canceled', 'unavailable']).toContain(await hanging);
      expect([proxy.connections, proxy.faults()]).toEqual([0, []]);
      expect(() => proxy.inject(blackHole())).toThrow('was stopped');
      const late = connect(proxy.port, proxy.host);
      expect(((await once(late, 'error'))[0] as NodeJS.ErrnoException).code).toBe('ECONNREFUSED');
    },
  );

  it('says which address it cannot have', async () => {
    await using proxy = await startFaultProxy({ upstream: 'http://127.0.0.1:1' });

    await expect(startFaultProxy({ upstream: 'http://127.0.0.1:1', port: proxy.port })).rejects.toThrow(
      `the fault proxy cannot listen on 127.0.0.1:${proxy.port}`,
    );
  });
});
