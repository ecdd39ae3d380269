// The smallest service with every component: it stores cancelled orders, publishes them, and stores the orders of received events.
import { type OrderCreated, OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { notFound } from '#services/platform/base/errors.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { onEvent } from '#services/platform/messaging/event-handler.ts';
import { insertEvents } from '#services/platform/messaging/outbox.ts';
import {
  createService,
  type Runtime,
  type RuntimeConfig,
  type Service,
  type ServiceDefinition,
} from '#services/platform/runtime/service-runtime.ts';
import type { Transaction } from '#services/platform/storage/database.ts';
import { rawSql, sql } from '#services/platform/storage/sql.ts';
import { type Connection, openConnection } from '../../../support/clients.ts';
import { TEST_IDENTITY_CONFIG } from '../../../support/identity/credentials.ts';
import { MIGRATIONS } from '../support/open-database.ts';
import { type RecordedLog, recordLog } from '../support/recorded-log.ts';

export type TinyOptions = {
  /** `order` publishes, `inventory` hears of it. */
  readonly name: ServiceName;
  readonly databaseUrl: string;
  readonly natsUrl: string;
  readonly port?: number;
  /** What a handler does with an event after storing its order. */
  readonly onOrderCreated?: (event: OrderCreated, transaction: Transaction) => Promise<void>;
  /** What GetOrder waits for. */
  readonly getOrder?: (signal: AbortSignal) => Promise<void>;
  readonly config?: Partial<RuntimeConfig>;
  readonly definition?: Partial<ServiceDefinition>;
  /** Gets what the service is built from. */
  readonly onDefine?: (runtime: Runtime) => void;
};

export type TinyService = AsyncDisposable &
  Pick<RecordedLog, 'lines'> & {
    readonly service: Service;
    readonly url: string;
    readonly port: number;
    readonly connection: Connection;
  };

/** Builds a tiny service; nothing is opened. */
export function createTinyService(options: TinyOptions): Pick<RecordedLog, 'lines'> & { readonly service: Service } {
  const { name, databaseUrl, natsUrl, port = 0 } = options;
  const { log, lines } = recordLog(name);
  const service = createService({
    domain: DOMAIN,
    name,
    config: {
      host: '127.0.0.1',
      port,
      databaseUrl,
      natsUrl,
      corsOrigins: undefined,
      identity: TEST_IDENTITY_CONFIG,
      ...options.config,
    },
    log,
    migrations: MIGRATIONS,
    define: (runtime) => {
      options.onDefine?.(runtime);
      return define(runtime, options);
    },
  });
  return { service, lines };
}

/** Starts a tiny service with a connection to it. */
export async function startTinyService(options: TinyOptions): Promise<TinyService> {
  const { service, lines } = createTinyService(options);
  const { url, port } = await service.start();
  const connection = openConnection(url);
  return {
    service,
    lines,
    url,
    port,
    connection,
    [Symbol.asyncDispose]: async () => {
      connection[Symbol.dispose]();
      await service.stop();
    },
  };
}

function define(runtime: Runtime, options: TinyOptions): ServiceDefinition {
  const hear = onEvent(OrderCreatedSchema, async (event, transaction) => {
    await transaction.query('insert into note (order_id) values ($1)', [event.orderId]);
    await options.onOrderCreated?.(event, transaction);
  });
  return {
    routes: ({ service }) => {
      service(OrderService, {
        cancelOrder: async ({ orderId }) => {
          if (orderId === 'unknown') throw notFound('ORDER_NOT_FOUND', 'there is no such order');
          await store(runtime, orderId);
          return {};
        },
        getOrder: async (_request, { signal }) => {
          await options.getOrder?.(signal);
          return {};
        },
      });
    },
    subscriptions: options.name === 'inventory' ? [{ producer: 'order', handlers: [hear] }] : [],
    dependencies: [],
    components: [],
    ...options.definition,
  };
}

// The change and its event in one statement, as services do.
async function store({ service, database, wakeRelay }: Runtime, orderId: string): Promise<void> {
  const event = createEvent(eventSourceOf(DOMAIN, service), OrderCreatedSchema, { orderId }, new Date());
  await database.query(
    sql`with stored as (insert into note (order_id) values (${orderId}) returning order_id)
      ${insertEvents([event], rawSql('stored'))}`,
  );
  wakeRelay();
}
