// The event flows, from which the broker's streams, consumers and permissions are made, against what the services subscribe to.
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { create, toBinary } from '@bufbuild/protobuf';
import { NatsError } from 'nats';
import { expect, it, vi } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { ADMIN_USER, natsUsers } from '#local/nats/nats-permissions.ts';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { DOMAIN, EVENT_FLOWS } from '#services/domain.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { createNotificationSubscriptions } from '#services/notification/routes.ts';
import { createOrderSubscriptions } from '#services/order/routes.ts';
import type { Subscription } from '#services/platform/messaging/event-handler.ts';
import { provisionStreams } from '#services/platform/messaging/streams.ts';

const nothing = () => undefined;
const subscriptions: Record<string, readonly Subscription[]> = {
  order: createOrderSubscriptions(nothing),
  inventory: createInventorySubscriptions({} as never),
  payment: [],
  notification: createNotificationSubscriptions(nothing),
  analytics: createAnalyticsSubscriptions(nothing),
  monitor: [],
};

it.each(EVENT_FLOWS)('the broker lets $service read the streams that its code subscribes to, and no other', (flow) => {
  expect(flow.consumes.toSorted()).toEqual(subscriptions[flow.service]?.map(({ producer }) => producer).toSorted());
});

it('every event that a service handles is published by the service whose stream it reads', () => {
  const publishers = EVENT_FLOWS.filter(({ publishes }) => publishes).map(({ service }) => service);

  for (const { producer, handlers } of Object.values(subscriptions).flat()) {
    expect(publishers).toContain(producer);
    for (const { subject } of handlers) expect(subject).toMatch(new RegExp(`^${DOMAIN.domain}\\.${producer}\\.v1\\.`));
  }
});

it('a service publishes when its contract has events, and only then', () => {
  const gen = fileURLToPath(new URL('../../../gen/shop', import.meta.url));
  const withEvents = globSync('*/v1/*_events_pb.ts', { cwd: gen }).map((file) => file.split('/')[0]);

  expect(
    EVENT_FLOWS.filter(({ publishes }) => publishes)
      .map(({ service }) => service)
      .toSorted(),
  ).toEqual(withEvents.toSorted());
});

it.each(EVENT_FLOWS)(
  'the broker lets $service publish under its own package, and acknowledge nothing of another',
  (flow) => {
    const user = natsUsers((name) => name).find(({ name }) => name === flow.service);
    const subjects = (user?.imports ?? [])
      .map(({ subject }) => subject)
      .filter((subject) => !subject.startsWith('$JS.API'));

    expect(user?.name).not.toBe(ADMIN_USER);
    expect(subjects.toSorted()).toEqual(
      [
        ...(flow.publishes ? [`${DOMAIN.domain}.${flow.service}.v1.>`] : []),
        ...flow.consumes.map((producer) => `$JS.ACK.SHOP_${producer.toUpperCase()}.${flow.service}.>`),
      ].toSorted(),
    );
  },
);

it('the largest order that is accepted makes an event that its stream takes', async () => {
  const add = vi.fn(async (_config: { max_msg_size?: number }) => ({}));
  const missing = Object.assign(new NatsError('not found', '404'), { api_error: { code: 404, err_code: 10_059 } });
  const streams = { info: async () => Promise.reject(missing), add, update: vi.fn() };
  const consumers = { info: async () => ({ config: {} }), add: vi.fn() };
  await provisionStreams({ streams, consumers } as never, DOMAIN, EVENT_FLOWS);
  const id = '\u{ffff}'.repeat(128);
  const items = Array.from({ length: 100 }, () => ({
    productId: id,
    quantity: 10_000,
    unitPrice: { currencyCode: 'EUR', minorUnits: BigInt(Number.MAX_SAFE_INTEGER) },
  }));

  const payload = toBinary(OrderCreatedSchema, create(OrderCreatedSchema, { orderId: id, customerId: id, items }));

  const headerBytes = 2_048;
  for (const [config] of add.mock.calls) expect(payload.length + headerBytes).toBeLessThan(config.max_msg_size ?? 0);
  expect(payload.length).toBeGreaterThan(30_000);
});
