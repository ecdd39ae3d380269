// The payment fixture: the real service on a free port, with a fake provider, clients and builders.
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
import { asAllowedCaller, TEST_IDENTITY } from '../identity/credentials.ts';
import { startTestNats, type TestNats } from '../nats.ts';
import { PATIENT_DATABASE } from '../patience.ts';
import { createTestDatabase, type TestDatabase } from '../postgres.ts';
import { reasonOf } from './inventory.ts';
import { TEST_CREDENTIAL } from './order-builders.ts';

// Nothing listens there.
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
    ...TEST_IDENTITY,
    ...PATIENT_DATABASE,
    SYNTHETIC_CREDENTIAL: TEST_CREDENTIAL,
    // Bursts must not fail because of load shedding on a slow machine.
    MAX_QUEUE_MS: '30000',
    ...environment,
  });
  const service = createPaymentService(config, createLog({ service: 'payment', level }));
  const { url } = await service.start();
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [asAllowedCaller()] });
  return {
    url,
    client: createClient(PaymentService, transport),
    ops: createClient(OpsService, transport),
    stop: service.stop,
    [Symbol.asyncDispose]: service.stop,
  };
}

/** A charge at the provider. */
export type ProviderCharge = {
  readonly id: string;
  readonly order_id: string;
  readonly status: 'pending' | 'captured' | 'declined';
  readonly refund_id?: string;
};

/** A replica of payment with its own database, broker and provider. */
export type PaymentFixture = RunningPaymentService & {
  readonly database: TestDatabase;
  readonly nats: TestNats;
  readonly provider: FakePaymentProvider;
  /** Its settings. */
  readonly environment: Record<string, string>;
  /** Starts one more replica, next to it or instead of it, with other settings. */
  startReplica(environment?: Record<string, string>): Promise<RunningPaymentService>;
  /** Runs a statement in its database, bypassing the service. */
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Returns the provider's charges of an order. */
  chargesAtProvider(orderId: string): Promise<ProviderCharge[]>;
};

export type PaymentFixtureOptions = {
  readonly environment?: Record<string, string>;
  readonly provider?: Parameters<typeof startFakePaymentProvider>[0];
};

/** Starts payment with its dependencies. */
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

/** The fields of ProcessPayment. */
export type Payment = {
  orderId: string;
  idempotencyKey: string;
  customerId: string;
  amount: { currencyCode: string; minorUnits: bigint };
  paymentMethod: string;
  synthetic: boolean;
};

/** A payment of 59.99 EUR of cust123 for an order, with the order's own key. */
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

/** A refund of an order, with the order's own key. */
export function refundOf(orderId: string) {
  return { orderId, idempotencyKey: `refund-key-of-${orderId}` };
}

/** Leaves a charge open, like a replica that is killed before its call to the provider. */
export async function leaveOpen(
  fixture: PaymentFixture,
  payment: Payment,
  environment: Record<string, string> = {},
): Promise<void> {
  await using cutOff = await fixture.startReplica({ ...environment, PAYMENT_PROVIDER_URL: UNREACHABLE });
  await expect(reasonOf(cutOff.client.processPayment(payment))).resolves.toBe('PAYMENT_PROVIDER_UNAVAILABLE');
}

/** Captures at the provider, like a replica that is killed before it stores the response. */
export async function captureAtProvider(fixture: PaymentFixture, payment: Payment, key?: string): Promise<string> {
  const answer = await fetch(`${fixture.provider.url}/v1/charges`, {
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

/** Makes an order's charge look older, and ends its call window. */
export async function age(fixture: PaymentFixture, orderId: string, interval: string): Promise<void> {
  await fixture.query(
    "update charge set intent_time = now() - $2::interval, call_until = now() - interval '1 second' where order_id = $1",
    [orderId, interval],
  );
}

/** Retries a call until it succeeds, as every caller of payment does. */
export function untilAnswered<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  return vi.waitFor(call, { timeout: 20_000, interval: 100 });
}

/** What the proxy does with a request. */
export type Fate = 'pass' | 'lose_answer' | 'fail' | 'hold';

/** A proxy between payment and the provider. */
export type ProviderProxy = AsyncDisposable & {
  readonly url: string;
  /** The method and path of every request, in order of arrival. */
  readonly requests: string[];
  /** The fate of the next requests. `hold` delays them until `release`. */
  fate: Fate;
  /** Forwards the held requests; resolves when the provider has answered. */
  release(): Promise<void>;
};

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
