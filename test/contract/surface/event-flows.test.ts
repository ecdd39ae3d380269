// The event flows, from which the broker's streams, consumers and permissions are made, against what the services subscribe to.
import { expect, it } from 'vitest';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { DOMAIN, EVENT_FLOWS } from '#services/domain.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { createNotificationSubscriptions } from '#services/notification/routes.ts';
import { createOrderSubscriptions } from '#services/order/routes.ts';
import type { Subscription } from '#services/platform/messaging/event-handler.ts';

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
