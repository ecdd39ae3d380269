// Clients of a virtual service behind a fault proxy, one for each protocol, and the code with which a failure ends their calls.

import { Agent } from 'node:http';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { credentials, Client as GrpcJsClient, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  type FaultProxy,
  type FaultProxyOptions,
  startFaultProxy,
  startVirtualService,
  type VirtualService,
} from '@touchstone/kit';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';

export const { reserveStock, checkAvailability } = InventoryService.method;
export const reserveStockRpc = 'shop.inventory.v1.InventoryService/ReserveStock';

export interface Fixture extends AsyncDisposable {
  readonly service: VirtualService;
  readonly proxy: FaultProxy;
}

/** A virtual service that answers both RPCs, and a proxy in front of it. */
export async function startFixture(options: Partial<FaultProxyOptions> = {}): Promise<Fixture> {
  const service = await startVirtualService({ services: [InventoryService] });
  service.stub(reserveStock).replies(({ orderId }) => ({ reservation: { orderId, reservationId: 'res123' } }));
  service.stub(checkAvailability).replies(({ productId }) => ({ productId, available: true, quantity: 100 }));
  const proxy = await startFaultProxy({ upstream: service.url, ...options });
  return {
    service,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy.stop();
      await service.stop();
    },
  };
}

type CallOptions = { readonly timeoutMs?: number };

export interface Caller extends Disposable {
  /** Calls ReserveStock; returns the reservation's id. */
  reserve(orderId?: string, options?: CallOptions): Promise<string>;
  /** Calls CheckAvailability; returns the product's id. */
  check(productId?: string, options?: CallOptions): Promise<string>;
}

export interface Dialect {
  readonly dialect: string;
  readonly http: '1.1' | '2';
  open(url: string): Caller;
}

function connectCaller(transport: Transport, close: () => void): Caller {
  const client = createClient(InventoryService, transport);
  return {
    reserve: async (orderId = 'o1', options = {}) =>
      (await client.reserveStock({ orderId }, options)).reservation?.reservationId ?? '',
    check: async (productId = 'p1', options = {}) => (await client.checkAvailability({ productId }, options)).productId,
    [Symbol.dispose]: close,
  };
}

/** Calls of one caller share one connection: over HTTP/2 at once, over HTTP/1.1 one after the other. */
export const dialects: readonly Dialect[] = [
  {
    dialect: 'Connect over HTTP/1.1',
    http: '1.1',
    open(baseUrl) {
      const agent = new Agent({ keepAlive: true });
      return connectCaller(createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions: { agent } }), () =>
        agent.destroy(),
      );
    },
  },
  {
    dialect: 'gRPC-Web over HTTP/1.1',
    http: '1.1',
    open(baseUrl) {
      const agent = new Agent({ keepAlive: true });
      return connectCaller(createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions: { agent } }), () =>
        agent.destroy(),
      );
    },
  },
  {
    dialect: 'Connect over HTTP/2',
    http: '2',
    open(baseUrl) {
      const sessionManager = new Http2SessionManager(baseUrl);
      return connectCaller(createConnectTransport({ baseUrl, httpVersion: '2', sessionManager }), () =>
        sessionManager.abort(),
      );
    },
  },
  {
    dialect: 'gRPC over HTTP/2',
    http: '2',
    open(baseUrl) {
      const sessionManager = new Http2SessionManager(baseUrl);
      return connectCaller(createGrpcTransport({ baseUrl, sessionManager }), () => sessionManager.abort());
    },
  },
  { dialect: 'grpc-js over HTTP/2', http: '2', open: openGrpcJs },
];

/** The protocols with which one connection carries several calls at once. */
export const sharedDialects = dialects.filter(({ http }) => http === '2');

/** One client of each HTTP version, for tests in which the protocol makes no difference. */
export const versions = dialects.filter(({ dialect }) => dialect.startsWith('Connect'));

function openGrpcJs(url: string): Caller {
  const { host, protocol } = new URL(url);
  // Its own retries would hide the fault, and its default pause before it reconnects would outlast the fault.
  const client = new GrpcJsClient(
    host,
    protocol === 'https:' ? credentials.createSsl() : credentials.createInsecure(),
    {
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 100,
    },
  );
  return {
    reserve: async (orderId = 'o1', options = {}) =>
      (await call(client, reserveStock, { orderId }, options)).reservation?.reservationId ?? '',
    check: async (productId = 'p1', options = {}) =>
      (await call(client, checkAvailability, { productId }, options)).productId,
    [Symbol.dispose]: () => client.close(),
  };
}

function call<M extends typeof reserveStock | typeof checkAvailability>(
  client: GrpcJsClient,
  method: M,
  request: MessageInitShape<M['input']>,
  { timeoutMs = 5000 }: CallOptions,
): Promise<ReturnType<typeof fromBinary<M['output']>>> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<MessageInitShape<M['input']>, ReturnType<typeof fromBinary<M['output']>>>(
      `/${method.parent.typeName}/${method.name}`,
      (message) => Buffer.from(toBinary(method.input, create(method.input, message as never))),
      (bytes) => fromBinary<M['output']>(method.output, bytes),
      request,
      new Metadata(),
      { deadline: Date.now() + timeoutMs },
      (error: ServiceError | null, answer) =>
        error === null && answer !== undefined ? resolve(answer) : reject(error),
    );
  });
}

/** The outcome of a call as one word: `ok`, or the code it failed with. */
export async function outcomeOf(calling: Promise<unknown>): Promise<string> {
  try {
    await calling;
    return 'ok';
  } catch (error) {
    const code = isServiceError(error) ? (error.code as number as Code) : ConnectError.from(error).code;
    return (Code[code] ?? String(code)).replace(/[a-z](?=[A-Z])/g, '$&_').toLowerCase();
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && !(error instanceof ConnectError) && typeof (error as ServiceError).code === 'number';
}
