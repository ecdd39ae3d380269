// Which services there are, where they listen locally, what they keep and what they listen to: one table for the supervisor,
// the databases, the broker's permissions and the tests. Data only.
import { DOMAIN } from '../../services/domain.ts';
import { streamOf, subjectsOf } from '../../services/platform/base/domain.ts';

/** A domain event stream: everything that one service publishes. */
export interface StreamTopology {
  readonly name: string;
  readonly subject: string;
}

export interface ServiceTopology {
  readonly name: ServiceName;
  /** The setting that holds its port, and the port when that is not set. */
  readonly portVariable: string;
  readonly defaultPort: number;
  /** Whether it has a database of its own. */
  readonly hasDatabase: boolean;
  /** The stream it publishes to, if it publishes. */
  readonly stream: StreamTopology | undefined;
  /** The names of the streams it consumes, each by a durable consumer named after the service. */
  readonly consumes: readonly string[];
  /** Whether it may begin to read them from their start again. */
  readonly rereads?: true;
  /** Whether it holds the credential that allows synthetic orders. */
  readonly takesSynthetic?: true;
}

export type ServiceName = 'order' | 'inventory' | 'payment' | 'notification' | 'analytics' | 'monitor';

/** In the order in which they are started: a service comes after the ones it calls. */
export const services: readonly ServiceTopology[] = [
  {
    name: 'inventory',
    portVariable: 'INVENTORY_PORT',
    defaultPort: 50052,
    hasDatabase: true,
    stream: produces('inventory'),
    consumes: [streamOf(DOMAIN, 'order')],
    takesSynthetic: true,
  },
  {
    name: 'payment',
    portVariable: 'PAYMENT_PORT',
    defaultPort: 50053,
    hasDatabase: true,
    stream: produces('payment'),
    consumes: [],
    takesSynthetic: true,
  },
  {
    name: 'notification',
    portVariable: 'NOTIFICATION_PORT',
    defaultPort: 50054,
    hasDatabase: true,
    stream: produces('notification'),
    consumes: [streamOf(DOMAIN, 'order')],
  },
  {
    name: 'order',
    portVariable: 'ORDER_PORT',
    defaultPort: 50051,
    hasDatabase: true,
    stream: produces('order'),
    consumes: [streamOf(DOMAIN, 'inventory'), streamOf(DOMAIN, 'payment')],
    takesSynthetic: true,
  },
  {
    name: 'analytics',
    portVariable: 'ANALYTICS_PORT',
    defaultPort: 50055,
    hasDatabase: true,
    stream: undefined,
    consumes: [
      streamOf(DOMAIN, 'order'),
      streamOf(DOMAIN, 'inventory'),
      streamOf(DOMAIN, 'payment'),
      streamOf(DOMAIN, 'notification'),
    ],
    rereads: true,
  },
  {
    name: 'monitor',
    portVariable: 'MONITOR_PORT',
    defaultPort: 50056,
    hasDatabase: true,
    stream: undefined,
    consumes: [],
    takesSynthetic: true,
  },
];

/** Where the rest of the local stack listens when nothing else is configured. */
export const infrastructurePorts = {
  postgres: 54329,
  nats: 42229,
  paymentProvider: 50060,
  mailboxSmtp: 1025,
  mailboxHttp: 8025,
} as const;

/** Returns the table's row of one service. */
export function serviceTopology(name: ServiceName): ServiceTopology {
  const found = services.find((service) => service.name === name);
  if (found === undefined) throw new Error(`there is no service named ${name}`);
  return found;
}

function produces(service: ServiceName): StreamTopology {
  return { name: streamOf(DOMAIN, service), subject: subjectsOf(DOMAIN, service) };
}
