// The payment service in a test's hands: the real one on a port of the system's choice, with a provider, clients and builders.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createClient, type Client as RpcClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { Client } from 'pg';
import { expect, vi } from 'vitest';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { type FakePaymentProvider, startFakePaymentProvider } from '#local/provider/provider.ts';
import { loadConfig } from '#services/payment/config.ts';
import { createPaymentService } from '#services/payment/service.ts';
import { providerKey } from '#services/payment/settlement.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { startTestNats, type TestNats } from '../nats.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { reasonOf } from './inventory.ts';
import { TEST_CREDENTIAL } from './order-builders.ts';

// Nobody listens there.
const UNREACHABLE = 'http://127.0.0.1:1';

export type RunningPaymentService = AsyncDisposable & {
  readonly url: string;
  readonly client: RpcClient<typeof PaymentService>;
  readonly ops: RpcClient<typeof OpsService>;
  stop(): Promise<void>;
};

/** Starts the payment service on a free port; `environment` holds its settings, like `PAYMENT_DATABASE_URL`. */
async function startPaymentService(environment: Record<string, string>): Promise<RunningPaymentService> {
  const level = process.env.TEST_LOG_LEVEL ?? 'silent';
  const config = loadConfig({
    PAYMENT_PORT: '0',
    LOG_LEVEL: level,
    SYNTHETIC_CREDENTIAL: TEST_CREDENTIAL,
    // Bursts of callers are tests of other things than of how fast the machine is.
    MAX_QUEUE_MS: '30000',
    ...environment,
  });
  const service = createPaymentService(config, createLog({ service: 'payment', level }));
  const { url } = await service.start();
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' });
  return {
    url,
    client: createClient(PaymentService, transport),
    ops: createClient(OpsService, transport),
    stop: service.stop,
    [Symbol.asyncDispose]: service.stop,
  };
}

/** A charge as the provider knows it. */
export interface ProviderCharge {
  readonly id: string;
  readonly order_id: string;
  readonly status: 'pending' | 'captured' | 'declined';
  readonly refund_id?: string;
}

/** A replica of payment with a database, a broker and a provider of its own. */
export interface PaymentFixture extends RunningPaymentService {
  readonly database: TestDatabase;
  readonly nats: TestNats;
  readonly provider: FakePaymentProvider;
  /** The settings that it runs with. */
  readonly environment: Record<string, string>;
  /** Starts one more replica beside it, or in its place, with settings of its own. */
  startReplica(environment?: Record<string, string>): Promise<RunningPaymentService>;
  /** Runs a statement in its database, behind its back. */
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Everything the provider holds for an order. */
  chargesAtProvider(orderId: string): Promise<ProviderCharge[]>;
}

export interface PaymentFixtureOptions {
  readonly environment?: Record<string, string>;
  readonly provider?: Parameters<typeof startFakePaymentProvider>[0];
}

/** Starts payment with everything it needs. */
export async function startPaymentFixture(options: PaymentFixtureOptions = {}): Promise<PaymentFixture> {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await createTestDatabase('payment'));
  const nats = resources.use(await startTestNats());
  const provider = resources.use(await startFakePaymentProvider({ slowCaptureMs: 300, ...options.provider }));
  const environment = {
    PAYMENT_DATABASE_URL: database.databaseUrl,
    NATS_URL: nats.url('payment'),
    PAYMENT_PROVIDER_URL: provider.url,
    ...options.environment,
  };
  const payment = resources.use(await startPaymentService(environment));
  const session = new Client({ connectionString: database.superuserUrl });
  await session.connect();
  resources.defer(() => session.end());
  const owned = resources.move();
  return {
    ...payment,
    database,
    nats,
    provider,
    environment,
    startReplica: (changed = {}) => startPaymentService({ ...environment, ...changed }),
    query: async (text, values = []) => (await session.query(text, [...values])).rows,
    chargesAtProvider: (orderId) => fetchCharges(provider.url, orderId),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Content of ProcessPayment. */
export interface Payment {
  orderId: string;
  idempotencyKey: string;
  customerId: string;
  amount: { currencyCode: string; minorUnits: bigint };
  paymentMethod: string;
  synthetic: boolean;
}

/** A payment of 59.99 EUR of cust123 for an order, with a key of the order's own. */
export function paymentOf(orderId: string, changes: Partial<Payment> = {}): Payment {
  return {
    orderId,
    idempotencyKey: `key-of-${orderId}`,
    customerId: 'cust123',
    amount: { currencyCode: 'EUR', minorUnits: 5999n },
    paymentMethod: 'pm_approved',
    synthetic: false,
    ...changes,
  };
}

/** A refund of an order, with a key of the order's own. */
export function refundOf(orderId: string) {
  return { orderId, idempotencyKey: `refund-key-of-${orderId}` };
}

/** Leaves a charge open as a replica does, with these settings, that is killed before it reaches the provider. */
export async function leaveOpen(
  till: PaymentFixture,
  payment: Payment,
  environment: Record<string, string> = {},
): Promise<void> {
  await using cutOff = await till.startReplica({ ...environment, PAYMENT_PROVIDER_URL: UNREACHABLE });
  await expect(reasonOf(cutOff.client.processPayment(payment))).resolves.toBe('PAYMENT_PROVIDER_UNAVAILABLE');
}

/** Captures at the provider as a replica does that is killed before it stores the answer. */
export async function captureAtProvider(till: PaymentFixture, payment: Payment, key?: string): Promise<string> {
  const answer = await fetch(`${till.provider.url}/v1/charges`, {
    method: 'POST',
    headers: { 'idempotency-key': key ?? providerKey('charge', payment.orderId) },
    body: JSON.stringify({
      order_id: payment.orderId,
      customer_id: payment.customerId,
      amount: { currency_code: payment.amount.currencyCode, minor_units: Number(payment.amount.minorUnits) },
      payment_method: payment.paymentMethod,
    }),
  });
  return ((await answer.json()) as ProviderCharge).id;
}

/** Lets an order's charge look older than it is, and no call for it be on its way. */
export async function age(till: PaymentFixture, orderId: string, interval: string): Promise<void> {
  await till.query(
    "update charge set intent_time = now() - $2::interval, call_until = now() - interval '1 second' where order_id = $1",
    [orderId, interval],
  );
}

/** Repeats a call until it is answered, as every caller of payment has to. */
export function untilTold<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  return vi.waitFor(call, { timeout: 20_000, interval: 100 });
}

/** What becomes of a request on its way to the provider and back. */
export type Fate = 'pass' | 'lose_answer' | 'fail' | 'hold';

/** Stands between payment and the provider. */
export interface ProviderProxy extends AsyncDisposable {
  readonly url: string;
  /** The method and path of every request, in order of arrival. */
  readonly requests: string[];
  /** What becomes of the requests to come. `hold` keeps them from the provider until `release`. */
  fate: Fate;
  /** Sends what was held on to the provider; resolves when that has answered. */
  release(): Promise<void>;
}

/** Starts a proxy to a provider. */
export async function startProviderProxy(provider: { readonly url: string }): Promise<ProviderProxy> {
  const held: (() => Promise<unknown>)[] = [];
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    proxy.requests.push(`${request.method} ${path.split('?')[0]}`);
    const body = await text(request);
    const forward = () =>
      fetch(`${provider.url}${path}`, {
        method: request.method ?? 'GET',
        headers: { 'idempotency-key': String(request.headers['idempotency-key'] ?? '') },
        ...(body === '' ? {} : { body }),
      });
    if (proxy.fate === 'hold') {
      held.push(forward);
    } else if (proxy.fate === 'fail') {
      response.writeHead(503).end();
    } else {
      const lost = proxy.fate === 'lose_answer';
      const answer = await forward();
      if (lost) request.socket.destroy();
      else response.writeHead(answer.status).end(await answer.text());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: ProviderProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    fate: 'pass',
    release: async () => {
      await Promise.all(held.splice(0).map((forward) => forward()));
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}

async function fetchCharges(providerUrl: string, orderId: string): Promise<ProviderCharge[]> {
  const answer = await fetch(`${providerUrl}/v1/charges?${new URLSearchParams({ order_id: orderId })}`);
  return ((await answer.json()) as { charges: ProviderCharge[] }).charges;
}
