// The business domain of the services. Rename it here, and the packages in proto/, to build another platform from this project.
import type { Domain } from './platform/base/domain.ts';
import type { EventFlow } from './platform/messaging/streams.ts';

export const DOMAIN: Domain = { domain: 'shop', correlation: 'order_id' };

/** Which events each service publishes and reads: what the provisioning step creates at the broker, and what a service may do there. */
export const EVENT_FLOWS: readonly EventFlow[] = [
  { service: 'inventory', publishes: true, consumes: ['order'] },
  { service: 'payment', publishes: true, consumes: [] },
  { service: 'notification', publishes: true, consumes: ['order'] },
  { service: 'order', publishes: true, consumes: ['inventory', 'payment'] },
  {
    service: 'analytics',
    publishes: false,
    consumes: ['order', 'inventory', 'payment', 'notification'],
    rereads: true,
  },
  { service: 'monitor', publishes: false, consumes: [] },
];
