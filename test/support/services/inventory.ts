// The inventory fixture: the real service on a free port, with clients and builders of requests.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import type { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { createInventoryService } from '#services/inventory/service.ts';
import { DEFAULT_LIMITS } from '#services/platform/server/load-shedding.ts';
import { asAllowedCaller, TEST_IDENTITY_CONFIG } from '../identity/credentials.ts';
import { startTestNats, type TestNats } from '../nats.ts';
import { PATIENT_DATABASE_MS } from '../patience.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { TEST_CREDENTIAL } from './order-builders.ts';

export type RunningInventory = AsyncDisposable & {
  readonly url: string;
  readonly client: Client<typeof InventoryService>;
  readonly ops: Client<typeof OpsService>;
  /** Returns the available stock of a product. */
  available(productId: string): Promise<number>;
};

export type InventoryNeeds = {
  readonly database: Pick<TestDatabase, 'databaseUrl'>;
  readonly nats: Pick<TestNats, 'url'>;
};

/** Starts a replica; its disposal stops it. */
export async function startInventory({ database, nats }: InventoryNeeds): Promise<RunningInventory> {
  const service = createInventoryService(
    {
      host: '127.0.0.1',
      port: 0,
      databaseUrl: database.databaseUrl,
      databaseConnections: 15,
      databaseTimeoutMs: PATIENT_DATABASE_MS,
      natsUrl: nats.url('inventory'),
      corsOrigins: undefined,
      identity: TEST_IDENTITY_CONFIG,
      // Room for every burst of these tests on a slow machine: load shedding has tests of its own.
      callLimits: { ...DEFAULT_LIMITS, maxQueuedCalls: 1_000, maxQueueMs: 60_000 },
      logLevel: 'silent',
      syntheticCredential: TEST_CREDENTIAL,
      syntheticRetentionMs: 86_400_000,
    },
    pino({ level: 'silent' }),
  );
  const { url } = await service.start();
  const sessionManager = new Http2SessionManager(url);
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: '2',
    sessionManager,
    interceptors: [asAllowedCaller()],
  });
  const client = createClient(InventoryService, transport);
  return {
    url,
    client,
    ops: createClient(OpsService, transport),
    available: async (productId) => (await client.checkAvailability({ productId })).quantity,
    [Symbol.asyncDispose]: async () => {
      sessionManager.abort();
      await service.stop();
    },
  };
}

/** The number of events by result. */
export type HandledEvents = Partial<Record<'applied' | 'duplicate' | 'ignored' | 'dead_letter', number>>;

/** A replica of inventory with its own database and broker. */
export type InventoryFixture = RunningInventory & {
  readonly database: TestDatabase;
  readonly nats: TestNats;
  /** Waits until this many order events have each result, and the outbox is empty. */
  settled(expected: HandledEvents): Promise<void>;
  /** Starts one more replica. */
  startReplica(): Promise<RunningInventory>;
  stopInventory(): Promise<void>;
};

/** Starts inventory with its database, the initial catalogue and a broker. */
export async function startInventoryFixture(): Promise<InventoryFixture> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await createTestDatabase('inventory'));
  const nats = resources.use(await startTestNats());
  const inventory = resources.use(await startInventory({ database, nats }));
  const owned = resources.move();
  return {
    ...inventory,
    database,
    nats,
    settled: (expected) => waitForEvents(inventory, expected),
    startReplica: () => startInventory({ database, nats }),
    stopInventory: async () => inventory[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A product and a quantity. */
export type Wanted = readonly [productId: string, quantity: number];

/** Lines of a request: `lines(['prod456', 2], ['prod789', 1])`. */
export function lines(...wanted: readonly Wanted[]) {
  return wanted.map(([productId, quantity]) => ({ productId, quantity }));
}

/** OrderCreated with the fields that inventory reads. */
export function orderCreated(
  orderId: string,
  ...wanted: readonly Wanted[]
): MessageInitShape<typeof OrderCreatedSchema> {
  return { orderId, customerId: 'cust123', items: lines(...wanted), version: 1n };
}

/** The error a call fails with. */
export async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('the call succeeded');
}

/** The reason in a call's error, like INSUFFICIENT_STOCK. */
export async function reasonOf(call: Promise<unknown>): Promise<string | undefined> {
  return (await failureOf(call)).findDetails(ErrorInfoSchema)[0]?.reason;
}

async function waitForEvents(inventory: RunningInventory, expected: HandledEvents): Promise<void> {
  await vi.waitFor(
    async () => {
      const metrics = await (await fetch(`${inventory.url}/metrics`)).text();
      const handled: Record<string, number> = {};
      for (const [, result = '', count] of metrics.matchAll(
        /^messaging_client_consumed_messages_total\{.*result="(\w+)".*\} (\d+)$/gm,
      )) {
        if (result !== 'retried') handled[result] = (handled[result] ?? 0) + Number(count);
      }
      expect(handled).toEqual(expected);
      expect((await inventory.ops.getStatus({})).status?.outbox?.unsent).toBe(0n);
    },
    { timeout: 10_000, interval: 25 },
  );
}
