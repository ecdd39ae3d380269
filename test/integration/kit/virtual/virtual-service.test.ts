import { once } from 'node:events';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { startVirtualService, type VirtualService } from '@touchstone/kit';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PATIENCE } from '../../../support/patience.ts';

const { reserveStock } = InventoryService.method;
const { watchOrder } = OrderService.method;

function startDependency(options: { journalLimit?: number } = {}): Promise<VirtualService> {
  return startVirtualService({ services: [InventoryService, OrderService], ...options });
}

function inventoryClient(dependency: VirtualService): Client<typeof InventoryService> {
  return createClient(InventoryService, createGrpcTransport({ baseUrl: dependency.url }));
}

function orderClient(dependency: VirtualService): Client<typeof OrderService> {
  return createClient(OrderService, createConnectTransport({ baseUrl: dependency.url, httpVersion: '1.1' }));
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => 'no error',
      (error: unknown) => error,
    ),
  );
}

describe('a virtual service', () => {
  it('answers from its stubs and records its requests', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock, { orderId: 'o1' }).replies({ reservation: { reservationId: 'res123' } });

    const { reservation } = await inventoryClient(dependency).reserveStock({
      orderId: 'o1',
      lines: [{ productId: '12345', quantity: 10 }],
    });

    expect(reservation?.reservationId).toBe('res123');
    dependency
      .received(reserveStock)
      .with({ lines: [{ productId: '12345', quantity: 10 }] })
      .times(1);
    expect(dependency.requests(reserveStock).map(({ orderId }) => orderId)).toEqual(['o1']);
    expect(dependency.calls(reserveStock)[0]?.outcome).toBe('answered');
  });

  it('computes its answer from the request and its headers', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock).replies((request, context) => ({
      reservation: { orderId: request.orderId, reservationId: context.requestHeader.get('x-id') ?? '' },
    }));

    const { reservation } = await inventoryClient(dependency).reserveStock(
      { orderId: 'o7' },
      { headers: { 'x-id': 'r7' } },
    );

    expect(reservation).toMatchObject({ orderId: 'o7', reservationId: 'r7' });
  });

  it('fails with the code, message and details of its stub', async () => {
    await using dependency = await startDependency();
    dependency
      .stub(reserveStock)
      .fails(Code.FailedPrecondition, 'not enough', [
        { desc: ErrorInfoSchema, value: { reason: 'INSUFFICIENT_STOCK', domain: 'shop' } },
      ]);

    const error = await errorOf(inventoryClient(dependency).reserveStock({}));

    expect([error.code, error.rawMessage]).toEqual([Code.FailedPrecondition, 'not enough']);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('INSUFFICIENT_STOCK');
    expect(dependency.calls(reserveStock)[0]?.outcome).toBe('failed');
  });

  it('answers with one step after the other', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock).fails(Code.Unavailable, 'down').thenReplies({});
    const client = inventoryClient(dependency);

    expect((await errorOf(client.reserveStock({}))).code).toBe(Code.Unavailable);
    await expect(client.reserveStock({})).resolves.toBeDefined();
  });

  it('hangs until its caller gives up', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock).hangs();

    const error = await errorOf(inventoryClient(dependency).reserveStock({}, { timeoutMs: 300 }));

    expect(error.code).toBe(Code.DeadlineExceeded);
    dependency.received(reserveStock).times(1);
    await expect.poll(() => dependency.calls(reserveStock)[0]?.outcome).toBe('abandoned');
  });

  it('ends hanging calls when it is stopped', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock).hangs();
    const outcome = errorOf(inventoryClient(dependency).reserveStock({}));
    await vi.waitFor(() => dependency.received(reserveStock).times(1), PATIENCE);

    await dependency.stop();

    expect((await outcome).code).toBe(Code.Unavailable);
  });

  it('answers after its delay, and stops waiting when its caller does', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock).delays(20).replies({}).thenDelays(60_000).replies({});
    const client = inventoryClient(dependency);
    const begin = performance.now();

    await client.reserveStock({});
    const waited = performance.now() - begin;
    const error = await errorOf(client.reserveStock({}, { timeoutMs: 50 }));

    expect(waited).toBeGreaterThanOrEqual(19);
    expect(error.code).toBe(Code.DeadlineExceeded);
    await expect.poll(() => dependency.calls(reserveStock)[1]?.outcome).toBe('abandoned');
  });

  it('streams the messages of its stub, and then its error', async () => {
    await using dependency = await startDependency();
    dependency.stub(watchOrder, { orderId: 'o1' }).replies([{ order: { orderId: 'a' } }, { order: { orderId: 'b' } }]);
    dependency.stub(watchOrder, { orderId: 'o2' }).replies(async function* () {
      yield { order: { orderId: 'c' } };
      throw new ConnectError('lost', Code.Aborted);
    });
    const watch = async (orderId: string, seen: unknown[]) => {
      for await (const { order } of orderClient(dependency).watchOrder({ orderId })) seen.push(order?.orderId);
    };

    const whole: unknown[] = [];
    await watch('o1', whole);
    const broken: unknown[] = [];
    const error = await errorOf(watch('o2', broken));

    expect([whole, broken, error.code]).toEqual([['a', 'b'], ['c'], Code.Aborted]);
  });

  it.each([
    {
      reply: 'continues',
      waitForMore: () => new Promise(setImmediate),
    },
    {
      reply: 'waits for the abort',
      waitForMore: (signal: AbortSignal) => once(signal, 'abort'),
    },
  ])('records a stream that its caller has left as abandoned if its reply $reply', async ({ waitForMore }) => {
    await using dependency = await startDependency();
    dependency.stub(watchOrder).replies(async function* (_, context) {
      do {
        yield { order: { orderId: 'o1' } };
        await waitForMore(context.signal);
      } while (!context.signal.aborted);
    });

    const leaving = new AbortController();
    const watching = async () => {
      for await (const _ of orderClient(dependency).watchOrder({}, { signal: leaving.signal })) leaving.abort();
    };
    expect((await errorOf(watching())).code).toBe(Code.Canceled);

    await expect.poll(() => dependency.calls(watchOrder)[0]?.outcome).toBe('abandoned');
  });
});

describe('a mistake in a test', () => {
  it('is reported if no stub matches, even if the caller swallows the error', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock, { orderId: 'o1' }).replies({});

    const error = await errorOf(inventoryClient(dependency).reserveStock({ orderId: 'o2' }));

    expect(error.code).toBe(Code.Unimplemented);
    expect(error.rawMessage).toContain(
      'nearest is stub(ReserveStock, { orderId: "o1" }), but orderId is "o2", not "o1"',
    );
    expect(dependency.unmatchedRequests()).toEqual([error.rawMessage]);
  });

  it('is refused at once if the RPC is not served', async () => {
    await using dependency = await startVirtualService({ services: [OrderService] });

    expect(() => dependency.stub(reserveStock)).toThrow('InventoryService/ReserveStock is not served here');
    expect(() => dependency.received(reserveStock)).toThrow('is not served here');
  });

  it('is forgotten by a reset', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock).replies({});
    await inventoryClient(dependency).reserveStock({});

    dependency.reset();

    dependency.received(reserveStock).never();
    expect((await errorOf(inventoryClient(dependency).reserveStock({}))).rawMessage).toContain('is not stubbed');
  });

  it('cannot come from a reply that changes its request', async () => {
    await using dependency = await startDependency();
    dependency.stub(reserveStock).replies((request) => {
      request.orderId = 'changed';
      return {};
    });

    await inventoryClient(dependency).reserveStock({ orderId: 'o1' });

    dependency.received(reserveStock).with({ orderId: 'o1' }).times(1);
  });
});

describe('the port of a virtual service', () => {
  it('is named with a host to connect to, also if it listens on all addresses', async () => {
    await using dependency = await startVirtualService({ services: [InventoryService], host: '0.0.0.0' });
    dependency.stub(reserveStock).replies({});

    expect(dependency.url).toBe(`http://127.0.0.1:${dependency.port}`);
    await expect(inventoryClient(dependency).reserveStock({})).resolves.toBeDefined();
  });

  it('is named in the error if it is taken, and is available again once it is free', async () => {
    const first = await startDependency();
    const { port } = first;
    const again = () => startVirtualService({ services: [InventoryService], port });

    await expect(again()).rejects.toThrow(`the virtual service cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`);
    await first.stop();

    await (await again()).stop();
  });
});

describe('in addition to its stubs', () => {
  it('the health service reports the status it is set to', async () => {
    await using dependency = await startDependency();
    const client = createClient(HealthService, createGrpcTransport({ baseUrl: dependency.url }));

    dependency.health.set('', ServingStatus.NOT_SERVING);

    expect((await client.check({ service: OrderService.typeName })).status).toBe(ServingStatus.NOT_SERVING);
  });
});
