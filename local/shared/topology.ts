// The topology of the local stack: each service, its port, database, published stream and consumed streams. One table for the
// supervisor, the databases, the permissions of the broker and the tests.
import { DOMAIN, EVENT_FLOWS } from '../../services/domain.ts';
import { streamOf, subjectsOf } from '../../services/platform/base/domain.ts';

/** The stream of domain events that one service publishes. */
export type StreamTopology = {
  readonly name: string;
  readonly subject: string;
};

export type ServiceTopology = {
  readonly name: ServiceName;
  /** The setting that holds its port. */
  readonly portVariable: string;
  readonly defaultPort: number;
  /** Whether it has a database of its own and a user at the broker. */
  readonly hasDatabase: boolean;
  /** The stream it publishes to, if it publishes. */
  readonly stream: StreamTopology | undefined;
  /** The names of the streams it consumes, each by a durable consumer named after the service. */
  readonly consumes: readonly string[];
  /** Whether it holds the credential that allows synthetic orders. */
  readonly acceptsSynthetic?: true;
};

export type ServiceName = 'order' | 'inventory' | 'payment' | 'notification' | 'analytics' | 'monitor' | 'console';

/** In dependency order: each service follows the services it calls. */
export const services: readonly ServiceTopology[] = [
  {
    name: 'inventory',
    portVariable: 'INVENTORY_PORT',
    defaultPort: 50052,
    hasDatabase: true,
    ...eventsOf('inventory'),
    acceptsSynthetic: true,
  },
  {
    name: 'payment',
    portVariable: 'PAYMENT_PORT',
    defaultPort: 50053,
    hasDatabase: true,
    ...eventsOf('payment'),
    acceptsSynthetic: true,
  },
  {
    name: 'notification',
    portVariable: 'NOTIFICATION_PORT',
    defaultPort: 50054,
    hasDatabase: true,
    ...eventsOf('notification'),
  },
  {
    name: 'order',
    portVariable: 'ORDER_PORT',
    defaultPort: 50051,
    hasDatabase: true,
    ...eventsOf('order'),
    acceptsSynthetic: true,
  },
  {
    name: 'analytics',
    portVariable: 'ANALYTICS_PORT',
    defaultPort: 50055,
    hasDatabase: true,
    ...eventsOf('analytics'),
  },
  {
    name: 'monitor',
    portVariable: 'MONITOR_PORT',
    defaultPort: 50056,
    hasDatabase: true,
    ...eventsOf('monitor'),
    acceptsSynthetic: true,
  },
];

/** The service for people: it calls the others, and has neither a database nor a user at the broker. */
const CONSOLE: ServiceTopology = {
  name: 'console',
  portVariable: 'CONSOLE_PORT',
  defaultPort: 8080,
  hasDatabase: false,
  stream: undefined,
  consumes: [],
};

/** What `make run` starts: the services, and the console. */
export const everyService: readonly ServiceTopology[] = [...services, CONSOLE];

/** The default ports of the other processes of the local stack. */
export const INFRASTRUCTURE_PORTS = {
  postgres: 54329,
  nats: 42229,
  paymentProvider: 50060,
  mailboxSmtp: 1025,
  mailboxHttp: 8025,
} as const;

/** @throws {Error} when no service has this name. */
export function serviceTopology(name: ServiceName): ServiceTopology {
  const found = everyService.find((service) => service.name === name);
  if (found === undefined) throw new Error(`there is no service named ${name}`);
  return found;
}

function eventsOf(service: ServiceName): Pick<ServiceTopology, 'stream' | 'consumes'> {
  const flow = EVENT_FLOWS.find((candidate) => candidate.service === service);
  if (flow === undefined) throw new Error(`services/domain.ts does not list ${service}`);
  const stream = { name: streamOf(DOMAIN, service), subject: subjectsOf(DOMAIN, service) };
  return {
    stream: flow.publishes ? stream : undefined,
    consumes: flow.consumes.map((producer) => streamOf(DOMAIN, producer)),
  };
}
