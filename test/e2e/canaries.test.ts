// Secrets planted in a running platform under many failures: each reaches its recipient and appears nowhere else.
import { randomBytes } from 'node:crypto';
import { connect, headers as natsHeaders } from 'nats';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { SYNTHETIC_HEADER } from '#services/platform/base/synthetic.ts';
import { sourcesOf, waitForQuiescence } from '../support/invariants/invariants.ts';
import { findLeaks, lookEverywhere, type Sight } from '../support/leaks.ts';
import { PATIENT_DATABASE } from '../support/patience.ts';
import { openProviderTap, type ProviderTap } from '../support/services/provider-tap.ts';
import { awaitOrder, failureOf, orderRequest, startTestStack, type TestStack } from '../support/stack.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/telemetry/otlp-receiver.ts';

const canary = (name: string): string => `${name}_canary_${randomBytes(12).toString('hex')}`;

const METHODS = {
  'payment method': canary('pm'),
  'declined payment method': canary('pm'),
  'payment method of a provider in trouble': canary('pm'),
  'refused payment method': canary('pm'),
};
const REUSED = canary('pm');
const MISSPELT = `${canary('pm')} `;
const CREDENTIAL = canary('credential');
const WRONG_CREDENTIAL = canary('wrong');
const COLLECTOR_KEY = canary('key');

describe('a planted secret', () => {
  let resources: AsyncDisposableStack;
  let platform: TestStack;
  let providerTap: ProviderTap;
  let collector: OtlpReceiver;
  let sights: Sight[];
  const errors: unknown[] = [];

  beforeAll(async () => {
    resources = new AsyncDisposableStack();
    collector = resources.use(await startOtlpReceiver());
    providerTap = resources.use(await openProviderTap());
    const environment = {
      ...PATIENT_DATABASE,
      LOG_LEVEL: 'debug',
      PAYMENT_METHODS: '*',
      SYNTHETIC_CREDENTIAL: CREDENTIAL,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${COLLECTOR_KEY}`,
      OTEL_BSP_SCHEDULE_DELAY: '100',
    };
    const serviceEnvironment = { payment: { PAYMENT_PROVIDER_URL: providerTap.url } };
    platform = resources.use(await startTestStack(environment, { serviceEnvironment }));
    providerTap.provider = platform.stack.url('provider');
    await orderInEveryWay();
    await spoilAnEvent();
    await orderThrough('postgres');
    await orderThrough('nats');
    expect(await waitForQuiescence(sourcesOf(platform.stack), { timeoutMs: 60_000 })).toEqual([]);
    sights = [
      ...(await lookEverywhere(platform)),
      { place: 'the spans', text: collector.bodies.join('\n') },
      { place: 'the errors', text: JSON.stringify(errors) },
    ];
  });
  afterAll(() => resources?.disposeAsync());

  const order = async (paymentMethod: string, status: OrderStatus) => {
    const { order: placed } = await platform.orders.createOrder(orderRequest({ paymentMethod }));
    return await awaitOrder(platform, placed?.orderId, status);
  };

  const fail = async (call: Promise<unknown>) => void errors.push(await failureOf(call));

  async function orderInEveryWay(): Promise<void> {
    const { orders } = platform;
    const words = (paymentMethod: string) => ({
      error: { code: 'card_declined', message: `no money at ${paymentMethod}` },
    });
    providerTap.answers.set(METHODS['declined payment method'], {
      status: 402,
      body: words(METHODS['declined payment method']),
    });
    const { error } = words(METHODS['refused payment method']);
    providerTap.answers.set(METHODS['refused payment method'], {
      status: 400,
      body: { error: { ...error, fields: [{ field: 'payment_method', message: error.message }] } },
    });
    const inTrouble = METHODS['payment method of a provider in trouble'];
    providerTap.answers.set(inTrouble, { status: 500, body: words(inTrouble) });
    await order(METHODS['payment method'], OrderStatus.CONFIRMED);
    await order(METHODS['declined payment method'], OrderStatus.FAILED);
    await order(METHODS['refused payment method'], OrderStatus.FAILED);
    await order(inTrouble, OrderStatus.CONFIRMED);

    const request = orderRequest();
    await orders.createOrder(request);
    await fail(orders.createOrder({ ...request, paymentMethod: REUSED }));
    await fail(orders.createOrder(orderRequest({ paymentMethod: MISSPELT })));

    const synthetic = { ...orderRequest({ items: [{ productId: 'test-product', quantity: 1 }] }), synthetic: true };
    await fail(orders.createOrder(synthetic, { headers: { [SYNTHETIC_HEADER]: WRONG_CREDENTIAL } }));
    await orders.createOrder(synthetic, { headers: { [SYNTHETIC_HEADER]: CREDENTIAL } });
  }

  /** Publishes an unreadable event, which becomes a dead letter. */
  async function spoilAnEvent(): Promise<void> {
    const { username, password, host } = new URL(platform.stack.natsUrl('admin'));
    const broker = await connect({ servers: host, user: username, pass: decodeURIComponent(password) });
    const headers = natsHeaders();
    headers.set('ce-id', '11111111-2222-4333-8444-555555555555');
    await broker.jetstream().publish('shop.order.v1.OrderCreated', Buffer.from('\xff\xff'), { headers });
    await broker.close();
    const ops = platform.client('inventory', OpsService);
    await vi.waitFor(async () => expect((await ops.listDeadLetters({})).deadLetters).toHaveLength(1), {
      timeout: 20_000,
    });
  }

  /** Places an order while the database or the broker is down. */
  async function orderThrough(part: 'postgres' | 'nats'): Promise<void> {
    await platform.stack.stop(part);
    const request = orderRequest();
    const placing = platform.orders.createOrder(request);
    if (part === 'postgres') await fail(placing);
    else await placing;
    await platform.stack.start(part);
    await vi.waitFor(() => platform.orders.createOrder(request), { timeout: 20_000 });
  }

  const passwords = () =>
    Object.fromEntries(
      platform.stack.services.flatMap((service) => [
        [`database password of ${service}`, new URL(platform.stack.databaseUrl(service)).password],
        [`broker password of ${service}`, new URL(platform.stack.natsUrl(service)).password],
      ]),
    );

  it('reaches its recipient: the provider, the collector, the database, the broker, the service that checks it', async () => {
    const heard = [{ place: 'the provider', text: providerTap.requests.join('\n') }];
    expect(findLeaks(METHODS, heard)).toHaveLength(Object.keys(METHODS).length);
    const keys = collector.headers.map((given) => given['x-collector-key']);
    expect(new Set(keys)).toEqual(new Set([COLLECTOR_KEY]));
    expect(new Set(collector.spans.map(({ service }) => service))).toEqual(new Set(platform.stack.services));
    expect((await platform.orders.listOrders({})).orders.some(({ synthetic }) => synthetic)).toBe(true);
    for (const service of platform.stack.services) await logIn(service);
  });

  it('appears nowhere else, in any encoding: logs, spans, metrics, events, dead letters, tables at rest, mails, status, errors', () => {
    const secrets = {
      ...METHODS,
      'reused payment method': REUSED,
      'misspelt payment method': MISSPELT.trim(),
      credential: CREDENTIAL,
      'wrong credential': WRONG_CREDENTIAL,
      'collector key': COLLECTOR_KEY,
      ...passwords(),
    };
    expect(sights.filter(({ text }) => text === '').map(({ place }) => place)).toEqual([]);
    expect(findLeaks(secrets, sights)).toEqual([]);
  });

  async function logIn(service: ServiceName): Promise<void> {
    const database = new Client({ connectionString: platform.stack.databaseUrl(service) });
    await database.connect();
    await database.end();
    const { username, password, host } = new URL(platform.stack.natsUrl(service));
    const broker = await connect({ servers: host, user: username, pass: decodeURIComponent(password) });
    await broker.close();
  }
});
