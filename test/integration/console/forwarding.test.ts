// The console forwards the calls of the page with its credentials, and answers what the service answered.
import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ControlService, ProcessState } from '#gen/local/control/v1/control_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { createTokens } from '../../support/identity/credentials.ts';
import { type ConsoleFixture, startConsoleFixture } from '../../support/services/console.ts';

let console: ConsoleFixture;
beforeAll(async () => {
  console = await startConsoleFixture();
});
beforeEach(() => console.shop.reset());
afterAll(() => console?.[Symbol.asyncDispose]());

const failureOf = async (call: Promise<unknown>): Promise<ConnectError> =>
  await call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => ConnectError.from(error),
  );
const subjectOf = (authorization: string | null) =>
  JSON.parse(Buffer.from(authorization?.split('.')[1] ?? '', 'base64url').toString()) as { sub: string; role: string };

describe('a unary call', () => {
  it('reaches its service with the token of the console, and its answer comes back', async () => {
    const { getOrder } = OrderService.method;
    console.shop.stub(getOrder, { orderId: 'o1' }).replies({ order: { orderId: 'o1', customerId: '<b>' } });

    const { order } = await console.client(OrderService).getOrder({ orderId: 'o1' });

    expect(order).toMatchObject({ orderId: 'o1', customerId: '<b>' });
    const [call] = console.shop.calls(getOrder);
    expect(subjectOf(call!.requestHeader.get('authorization'))).toMatchObject({ sub: 'console', role: 'operator' });
  });

  it('keeps the token that it brings', async () => {
    const { listProducts } = InventoryService.method;
    console.shop.stub(listProducts).replies({});
    const token = await createTokens()('customer', 'cust123');

    await console.client(InventoryService, { authorization: `Bearer ${token}` }).listProducts({});

    const [call] = console.shop.calls(listProducts);
    expect(subjectOf(call!.requestHeader.get('authorization'))).toMatchObject({ sub: 'cust123', role: 'customer' });
  });

  it('leaves its service no more time than the page waits', async () => {
    const { getOrder } = OrderService.method;
    console.shop.stub(getOrder).replies({});

    await console.client(OrderService).getOrder({ orderId: 'o1' }, { timeoutMs: 5_000 });

    const timeoutMs = Number(console.shop.calls(getOrder)[0]?.requestHeader.get('connect-timeout-ms'));
    expect(timeoutMs).toBeGreaterThan(0);
    expect(timeoutMs).toBeLessThanOrEqual(5_000);
  });

  it('fails with the code, message and details of its service', async () => {
    const { cancelOrder } = OrderService.method;
    const violation = { field: 'order_id', description: 'must be an id' };
    console.shop.stub(cancelOrder).fails(Code.FailedPrecondition, 'the order is confirmed', [
      { desc: ErrorInfoSchema, value: { reason: 'ORDER_CONFIRMED', domain: 'shop' } },
      { desc: BadRequestSchema, value: { fieldViolations: [violation] } },
    ]);

    const error = await failureOf(console.client(OrderService).cancelOrder({ orderId: 'o1' }));

    expect(error).toMatchObject({ code: Code.FailedPrecondition, rawMessage: 'the order is confirmed' });
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: 'ORDER_CONFIRMED' }]);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([violation]);
  });

  it('fails as unavailable when its service cannot be reached, without its address', async () => {
    await using alone = await startConsoleFixture({ ORDER_URL: 'http://127.0.0.1:1' });

    const error = await failureOf(alone.client(OrderService).getOrder({ orderId: 'o1' }));

    expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: 'order is not available now' });
  });
});

describe('a stream', () => {
  const { watchOrder } = OrderService.method;

  it('arrives message by message, and ends with the error of its service', async () => {
    const messages = [OrderStatus.PENDING, OrderStatus.CONFIRMED].map((status) => ({
      order: { orderId: 'o1', status },
    }));
    console.shop.stub(watchOrder).breaksOff(messages, Code.NotFound, 'gone');
    const seen: (OrderStatus | undefined)[] = [];

    const watch = async () => {
      for await (const { order } of console.client(OrderService).watchOrder({ orderId: 'o1' }))
        seen.push(order?.status);
    };

    expect(await failureOf(watch())).toMatchObject({ code: Code.NotFound, rawMessage: 'gone' });
    expect(seen).toEqual([OrderStatus.PENDING, OrderStatus.CONFIRMED]);
  });

  it('ends at the service when the page goes away', async () => {
    console.shop.stub(watchOrder, { orderId: 'slow' }).hangs();
    const leaving = new AbortController();
    const watch = async () => {
      const stream = console.client(OrderService).watchOrder({ orderId: 'slow' }, { signal: leaving.signal });
      for await (const _ of stream) expect.unreachable();
    };

    const watching = failureOf(watch());
    await expect.poll(() => console.shop.calls(watchOrder).length).toBe(1);
    leaving.abort();

    expect((await watching).code).toBe(Code.Canceled);
    await expect.poll(() => console.shop.calls(watchOrder)[0]?.outcome).toBe('abandoned');
  });
});

describe('a call of the operators of a service', () => {
  const { getStatus } = OpsService.method;

  it('goes to the service that the header names', async () => {
    console.shop.stub(getStatus).replies({ status: { service: 'payment' } });

    const { status } = await console.client(OpsService, { 'console-target': 'payment' }).getStatus({});

    expect(status?.service).toBe('payment');
  });

  it.each([undefined, 'postgres', '__proto__'])('is refused when the header names %s', async (target) => {
    const headers = target === undefined ? {} : { 'console-target': target };

    const error = await failureOf(console.client(OpsService, headers).getStatus({}));

    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('console-target');
    expect(console.shop.calls(getStatus)).toEqual([]);
  });
});

describe('a call of the local stack', () => {
  const { listProcesses } = ControlService.method;

  it('is forwarded for an operator', async () => {
    console.shop.stub(listProcesses).replies({ processes: [{ name: 'nats', state: ProcessState.DOWN }] });

    const { processes } = await console.client(ControlService).listProcesses({});

    expect(processes).toMatchObject([{ name: 'nats', state: ProcessState.DOWN }]);
  });

  it('is refused for a customer', async () => {
    const authorization = `Bearer ${await createTokens()('customer', 'cust123')}`;

    const error = await failureOf(console.client(ControlService, { authorization }).listProcesses({}));

    expect(error.code).toBe(Code.PermissionDenied);
    expect(console.shop.calls(listProcesses)).toEqual([]);
  });

  it('does not exist where there is no local stack', async () => {
    await using elsewhere = await startConsoleFixture({ LOCAL_CONTROL_URL: '' });

    const error = await failureOf(elsewhere.client(ControlService).listProcesses({}));

    expect(error.code).toBe(Code.Unimplemented);
  });
});
