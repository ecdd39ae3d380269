import { once } from 'node:events';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { startVirtualService, type VirtualService } from '@touchstone/kit';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { describe, expect, it, vi } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';

const { reserveStock } = InventoryService.method;
const { watchOrder } = OrderService.method;

function startNeighbour(options: { journalLimit?: number } = {}): Promise<VirtualService> {
  return startVirtualService({ services: [InventoryService, OrderService], ...options });
}

function inventoryClient(neighbour: VirtualService): Client<typeof InventoryService> {
  return createClient(InventoryService, createGrpcTransport({ baseUrl: neighbour.url }));
}

function orderClient(neighbour: VirtualService): Client<typeof OrderService> {
  return createClient(OrderService, createConnectTransport({ baseUrl: neighbour.url, httpVersion: '1.1' }));
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
  it('answers what it was told to and remembers what it was asked', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock, { orderId: 'o1' }).replies({ reservation: { reservationId: 'res123' } });

    const { reservation } = await inventoryClient(neighbour).reserveStock({
      orderId: 'o1',
      lines: [{ productId: '12345', quantity: 10 }],
    });

    expect(reservation?.reservationId).toBe('res123');
    neighbour
      .received(reserveStock)
      .with({ lines: [{ productId: '12345', quantity: 10 }] })
      .times(1);
    expect(neighbour.requests(reserveStock).map(({ orderId }) => orderId)).toEqual(['o1']);
    expect(neighbour.calls(reserveStock)[0]?.outcome).toBe('answered');
  });

  it('computes its answer from the request and its headers', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock).replies((request, context) => ({
      reservation: { orderId: request.orderId, reservationId: context.requestHeader.get('x-id') ?? '' },
    }));

    const { reservation } = await inventoryClient(neighbour).reserveStock(
      { orderId: 'o7' },
      { headers: { 'x-id': 'r7' } },
    );

    expect(reservation).toMatchObject({ orderId: 'o7', reservationId: 'r7' });
  });

  it('fails with the code, message and details it was told', async () => {
    await using neighbour = await startNeighbour();
    neighbour
      .stub(reserveStock)
      .fails(Code.FailedPrecondition, 'not enough', [
        { desc: ErrorInfoSchema, value: { reason: 'INSUFFICIENT_STOCK', domain: 'shop' } },
      ]);

    const error = await errorOf(inventoryClient(neighbour).reserveStock({}));

    expect([error.code, error.rawMessage]).toEqual([Code.FailedPrecondition, 'not enough']);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('INSUFFICIENT_STOCK');
    expect(neighbour.calls(reserveStock)[0]?.outcome).toBe('failed');
  });

  it('goes from one answer to the next', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock).fails(Code.Unavailable, 'down').thenReplies({});
    const client = inventoryClient(neighbour);

    expect((await errorOf(client.reserveStock({}))).code).toBe(Code.Unavailable);
    await expect(client.reserveStock({})).resolves.toBeDefined();
  });

  it('hangs until its caller gives up', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock).hangs();

    const error = await errorOf(inventoryClient(neighbour).reserveStock({}, { timeoutMs: 300 }));

    expect(error.code).toBe(Code.DeadlineExceeded);
    neighbour.received(reserveStock).times(1);
    await vi.waitFor(() => expect(neighbour.calls(reserveStock)[0]?.outcome).toBe('abandoned'));
  });

  it('ends what hangs when it is stopped', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock).hangs();
    const outcome = errorOf(inventoryClient(neighbour).reserveStock({}));
    await vi.waitFor(() => neighbour.received(reserveStock).times(1));

    await neighbour.stop();

    expect((await outcome).code).toBe(Code.Unavailable);
  });

  it('answers after its delay, and stops waiting when its caller does', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock).delays(20).replies({}).thenDelays(60_000).replies({});
    const client = inventoryClient(neighbour);
    const begin = performance.now();

    await client.reserveStock({});
    const waited = performance.now() - begin;
    const error = await errorOf(client.reserveStock({}, { timeoutMs: 50 }));

    expect(waited).toBeGreaterThanOrEqual(19);
    expect(error.code).toBe(Code.DeadlineExceeded);
    await vi.waitFor(() => expect(neighbour.calls(reserveStock)[1]?.outcome).toBe('abandoned'));
  });

  it('streams the messages it was told, and the error after them', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(watchOrder, { orderId: 'o1' }).replies([{ order: { orderId: 'a' } }, { order: { orderId: 'b' } }]);
    neighbour.stub(watchOrder, { orderId: 'o2' }).replies(async function* () {
      yield { order: { orderId: 'c' } };
      throw new ConnectError('lost', Code.Aborted);
    });
    const watch = async (orderId: string, seen: unknown[]) => {
      for await (const { order } of orderClient(neighbour).watchOrder({ orderId })) seen.push(order?.orderId);
    };

    const whole: unknown[] = [];
    await watch('o1', whole);
    const broken: unknown[] = [];
    const error = await errorOf(watch('o2', broken));

    expect([whole, broken, error.code]).toEqual([['a', 'b'], ['c'], Code.Aborted]);
  });

  it.each([
    {
      reply: 'goes on',
      waitForMore: () => new Promise(setImmediate),
    },
    {
      reply: 'ends when it is told',
      waitForMore: (signal: AbortSignal) => once(signal, 'abort'),
    },
  ])('notes a stream that its caller has left, when its reply $reply', async ({ waitForMore }) => {
    await using neighbour = await startNeighbour();
    neighbour.stub(watchOrder).replies(async function* (_, context) {
      do {
        yield { order: { orderId: 'o1' } };
        await waitForMore(context.signal);
      } while (!context.signal.aborted);
    });

    const leaving = new AbortController();
    const watching = async () => {
      for await (const _ of orderClient(neighbour).watchOrder({}, { signal: leaving.signal })) leaving.abort();
    };
    expect((await errorOf(watching())).code).toBe(Code.Canceled);

    await vi.waitFor(() => expect(neighbour.calls(watchOrder)[0]?.outcome).toBe('abandoned'));
  });
});

describe('a mistake in a test', () => {
  it('is loud when no stub matches, and known even if the caller swallows the error', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock, { orderId: 'o1' }).replies({});

    const error = await errorOf(inventoryClient(neighbour).reserveStock({ orderId: 'o2' }));

    expect(error.code).toBe(Code.Unimplemented);
    expect(error.rawMessage).toContain(
      'nearest is stub(ReserveStock, { orderId: "o1" }), but orderId is "o2", not "o1"',
    );
    expect(neighbour.unmatchedRequests()).toEqual([error.rawMessage]);
  });

  it('is refused at once when the RPC is not served here', async () => {
    await using neighbour = await startVirtualService({ services: [OrderService] });

    expect(() => neighbour.stub(reserveStock)).toThrow('InventoryService/ReserveStock is not served here');
    expect(() => neighbour.received(reserveStock)).toThrow('is not served here');
  });

  it('is not carried over a reset', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock).replies({});
    await inventoryClient(neighbour).reserveStock({});

    neighbour.reset();

    neighbour.received(reserveStock).never();
    expect((await errorOf(inventoryClient(neighbour).reserveStock({}))).rawMessage).toContain('is not stubbed');
  });

  it('is not made by a reply that changes its request', async () => {
    await using neighbour = await startNeighbour();
    neighbour.stub(reserveStock).replies((request) => {
      request.orderId = 'changed';
      return {};
    });

    await inventoryClient(neighbour).reserveStock({ orderId: 'o1' });

    neighbour.received(reserveStock).with({ orderId: 'o1' }).times(1);
  });
});

describe('the port of a virtual service', () => {
  it('is named with a host that can be called, also where it listens everywhere', async () => {
    await using neighbour = await startVirtualService({ services: [InventoryService], host: '0.0.0.0' });
    neighbour.stub(reserveStock).replies({});

    expect(neighbour.url).toBe(`http://127.0.0.1:${neighbour.port}`);
    await expect(inventoryClient(neighbour).reserveStock({})).resolves.toBeDefined();
  });

  it('is an error that names it, when it is taken, and can be had again once it is free', async () => {
    const first = await startNeighbour();
    const { port } = first;
    const again = () => startVirtualService({ services: [InventoryService], port });

    await expect(again()).rejects.toThrow(`the virtual service cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`);
    await first.stop();

    await (await again()).stop();
  });
});

describe('beside what is stubbed', () => {
  it('health answers what it is set to', async () => {
    await using neighbour = await startNeighbour();
    const client = createClient(HealthService, createGrpcTransport({ baseUrl: neighbour.url }));

    neighbour.health.set('', ServingStatus.NOT_SERVING);

    expect((await client.check({ service: OrderService.typeName })).status).toBe(ServingStatus.NOT_SERVING);
  });
});
