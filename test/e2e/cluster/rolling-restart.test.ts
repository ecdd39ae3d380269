// Two replicas of every service, restarted one after the other while customers order.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import {
  CreateOrderRequestSchema,
  type CreateOrderResponse,
  CreateOrderResponseSchema,
  OrderService,
} from '#gen/shop/order/v1/order_service_pb.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import { acknowledgedOrder, checkInvariants, listViolations, sourcesOf } from '../../support/invariants/invariants.ts';
import { isSlowSkipped, SLOW_SKIPPED } from '../../support/slow/slow-tests.ts';
import { type OrderRequest, orderRequest, startTestStack } from '../../support/stack.ts';

const SERVICES = ['order', 'inventory', 'payment', 'notification', 'analytics'] as const;
const CUSTOMERS = 2;

/** The same with grpc-js, a client that is not ours: it tells a call that a server did not process from one that was ended. */
class GrpcCustomer {
  readonly answered: AcknowledgedOrder[] = [];
  readonly failures: ServiceError[] = [];

  async orderUntil(over: AbortSignal, urls: readonly string[]): Promise<void> {
    const clients = urls.map((url) => new Client(new URL(url).host, credentials.createInsecure()));
    try {
      for (let turn = 0; !over.aborted; turn += 1) await this.#place(clients, turn);
    } finally {
      for (const client of clients) client.close();
    }
  }

  async #place(clients: readonly Client[], turn: number): Promise<void> {
    const request = orderRequest({ items: [{ productId: 'prod456', quantity: 1 }] });
    for (let attempt = turn; ; attempt += 1) {
      try {
        const response = await createOrder(clients[attempt % clients.length]!, request);
        this.answered.push(acknowledgedOrder(request.idempotencyKey, response));
        return;
      } catch (error) {
        this.failures.push(error as ServiceError);
      }
    }
  }
}

function createOrder(client: Client, request: OrderRequest): Promise<CreateOrderResponse> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/${OrderService.typeName}/CreateOrder`,
      (message) => Buffer.from(toBinary(CreateOrderRequestSchema, message)),
      (bytes) => fromBinary(CreateOrderResponseSchema, bytes),
      create(CreateOrderRequestSchema, request),
      (error, response) => (response === undefined ? reject(error ?? new Error('no answer')) : resolve(response)),
    );
  });
}

/** Orders without a pause, at one replica after the other; a call that fails is made again with its key, as RetryInfo says. */
class Customer {
  readonly answered: AcknowledgedOrder[] = [];
  readonly failures: ConnectError[] = [];

  async orderUntil(over: AbortSignal, urls: readonly string[]): Promise<void> {
    const managers = urls.map((url) => new Http2SessionManager(url));
    const clients = managers.map((sessionManager, index) =>
      createClient(
        OrderService,
        createConnectTransport({ baseUrl: urls[index] ?? '', httpVersion: '2', sessionManager }),
      ),
    );
    try {
      for (let turn = 0; !over.aborted; turn += 1) await this.#place(clients, turn);
    } finally {
      for (const manager of managers) manager.abort();
    }
  }

  async #place(clients: ReturnType<typeof createClient<typeof OrderService>>[], turn: number): Promise<void> {
    const request = orderRequest({ items: [{ productId: 'prod456', quantity: 1 }] });
    for (let attempt = turn; ; attempt += 1) {
      try {
        const response = await clients[attempt % clients.length]?.createOrder(request);
        if (response !== undefined) this.answered.push(acknowledgedOrder(request.idempotencyKey, response));
        return;
      } catch (error) {
        this.failures.push(ConnectError.from(error));
      }
    }
  }
}

/** The client library reports a connection that ends under a call as canceled, or aborted when it is reset; its caller did neither. */
function mayBeMadeAgain({ code, rawMessage }: ConnectError): boolean {
  return (
    code === Code.Unavailable ||
    (code === Code.Canceled && rawMessage.includes('stream closed')) ||
    (code === Code.Aborted && rawMessage.includes('ECONNRESET'))
  );
}

it('a restart of one replica of every service, then of the other, costs no order, and fails calls only so that they may be made again', async ({
  skip,
}) => {
  skip(isSlowSkipped, SLOW_SKIPPED);
  await using platform = await startTestStack({ REPLICAS: '2' });
  const { stack, inventory } = platform;
  await inventory.adjustStock({
    productId: 'prod456',
    delta: 100_000,
    idempotencyKey: 'stock-of-the-test',
  });
  const over = new AbortController();
  const urls = [stack.url('order'), stack.url('order-2')];
  const customers = Array.from({ length: CUSTOMERS }, () => new Customer());
  const grpcCustomers = Array.from({ length: CUSTOMERS }, () => new GrpcCustomer());
  const ordering = [...customers, ...grpcCustomers].map((customer) => customer.orderUntil(over.signal, urls));

  for (const replicas of [SERVICES, SERVICES.map((service) => `${service}-2` as const)]) {
    await Promise.all(replicas.map((replica) => stack.stop(replica)));
    await Promise.all(replicas.map((replica) => stack.start(replica)));
  }
  over.abort();
  await Promise.all(ordering);

  const answered = [...customers, ...grpcCustomers].flatMap((customer) => customer.answered);
  const grpcFailures = grpcCustomers.flatMap((customer) => customer.failures);
  const failures = customers.flatMap((customer) => customer.failures);
  // Without RetryInfo, it is the client that reports a connection: refused, or ended while the call was on its way.
  const answers = failures.filter((error) => error.findDetails(ErrorInfoSchema).length > 0);
  expect(grpcFailures.filter(({ code }) => code !== status.UNAVAILABLE).map(String)).toEqual([]);
  expect(grpcFailures.length).toBeGreaterThan(0);
  expect(failures.filter((error) => !mayBeMadeAgain(error)).map(String)).toEqual([]);
  expect(answers.filter((error) => error.findDetails(RetryInfoSchema).length === 0).map(String)).toEqual([]);
  expect(answered.length).toBeGreaterThan(CUSTOMERS);
  const verdicts = await checkInvariants(sourcesOf(stack), { acknowledged: answered });
  expect(listViolations(verdicts)).toEqual([]);
}, 240_000);
