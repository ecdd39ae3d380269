// The metrics of one service, under the names that Prometheus has for OpenTelemetry's semantic conventions where these have a metric for it
// (metric-names.ts). Each service has a registry of its own, so that tests can run several services in one process.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { BulkheadView } from '../base/bulkhead.ts';
import { type BatchedHistogram, createBatchedHistogram } from './batched-histogram.ts';

// Each measurement of the event loop's delay wakes the process: at prom-client's 10 ms that is most of what an idle service does.
const EVENT_LOOP_PRECISION_MS = 100;
const MESSAGE_LABELS = ['messaging_system', 'messaging_operation_name', 'messaging_destination_name'] as const;
const LATENCY_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

type MessageLabel = 'messaging_system' | 'messaging_operation_name' | 'messaging_destination_name';

/** The connections of a pool. */
export type ConnectionView = {
  readonly used: number;
  readonly idle: number;
  /** Callers that wait for one. */
  readonly pending: number;
  readonly max: number;
};

/** The instruments every service has. */
export type Metrics = {
  readonly registry: Registry;
  /** `rpc.server.call.duration`: calls served, by status code; `error_type` is absent unless the service failed. */
  readonly rpcServerDuration: BatchedHistogram<'rpc_system_name' | 'rpc_method' | 'rpc_status_code' | 'error_type'>;
  /** `rpc.client.call.duration`: calls to dependencies with their retries; `error_type` is absent for a call that succeeded. */
  readonly rpcClientDuration: BatchedHistogram<'rpc_system_name' | 'rpc_method' | 'dependency' | 'error_type'>;
  /** Retries of calls, without each first attempt. */
  readonly rpcClientRetries: Counter<'dependency' | 'rpc_method'>;
  /** Calls that a full bulkhead rejected: one has the name of a dependency, `calls` and `streams` are the service's own. */
  readonly bulkheadRejected: Counter<'bulkhead'>;
  /** Publishes the limit, the calls in flight and the queue of a bulkhead. */
  readonly observeBulkhead: (bulkhead: string, view: () => BulkheadView) => void;
  /** 0 closed, 1 half-open, 2 open. */
  readonly breakerState: Gauge<'dependency'>;
  /** When it last changed, in seconds since 1970; 0 while it never did. */
  readonly breakerChanged: Gauge<'dependency'>;
  /** Openings, failed probes included, by the last failure before. */
  readonly breakerOpened: Counter<'dependency' | 'error_type'>;
  /** `messaging.client.sent.messages`: events published, by subject. */
  readonly eventsPublished: Counter<MessageLabel>;
  /** `messaging.client.consumed.messages`: events handled, by result: applied, duplicate, retried, dead_letter, ignored. */
  readonly eventsHandled: Counter<MessageLabel | 'messaging_consumer_group_name' | 'stream' | 'result'>;
  /** `messaging.process.duration`: how long handlers took; `error_type` is the result of one that failed. */
  readonly eventDuration: BatchedHistogram<MessageLabel | 'messaging_consumer_group_name' | 'error_type'>;
  readonly outboxUnsent: Gauge;
  /** Age of the oldest event not yet published; 0 when there is none. */
  readonly outboxOldest: Gauge;
  /** Events of a stream that were not yet delivered to this service's consumer. */
  readonly consumerPending: Gauge<'stream'>;
  /** 1 while there is a connection to the broker. */
  readonly brokerConnected: Gauge;
  readonly deadLetters: Gauge;
  /** `db.client.operation.duration`: statements, by their first word; `error_type` is absent for one that succeeded. */
  readonly databaseDuration: BatchedHistogram<'db_system_name' | 'db_namespace' | 'db_operation_name' | 'error_type'>;
  /** Publishes the connections of a pool. */
  readonly observeConnections: (pool: string, view: () => ConnectionView) => void;
};

/** Creates the instruments of one service; `includeProcess` adds Node's own (memory, event loop, garbage collection). */
export function createMetrics(service: string, includeProcess = false): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (includeProcess)
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  return {
    registry,
    ...createRpcInstruments(registry),
    ...createPolicyInstruments(registry),
    ...createMessagingInstruments(registry),
    ...createDatabaseInstruments(registry),
  };
}

function createRpcInstruments(registry: Registry) {
  const registers = [registry];
  const buckets = LATENCY_BUCKETS_SECONDS;
  return {
    rpcServerDuration: createBatchedHistogram({
      name: 'rpc_server_call_duration_seconds',
      help: 'Duration of RPCs served, by status code',
      labelNames: ['rpc_system_name', 'rpc_method', 'rpc_status_code', 'error_type'],
      buckets,
      registers,
    }),
    rpcClientDuration: createBatchedHistogram({
      name: 'rpc_client_call_duration_seconds',
      help: 'Duration of calls to dependencies with their retries, by kind of failure',
      labelNames: ['rpc_system_name', 'rpc_method', 'dependency', 'error_type'],
      buckets,
      registers,
    }),
    rpcClientRetries: new Counter({
      name: 'rpc_client_retries_total',
      help: 'Retries of calls to dependencies',
      labelNames: ['dependency', 'rpc_method'],
      registers,
    }),
  } as const;
}

function createPolicyInstruments(registry: Registry) {
  const registers = [registry];
  return {
    bulkheadRejected: new Counter({
      name: 'bulkhead_rejected_total',
      help: 'Calls that a full bulkhead rejected',
      labelNames: ['bulkhead'],
      registers,
    }),
    observeBulkhead: createBulkheadGauges(registry),
    breakerState: new Gauge({
      name: 'circuit_breaker_state',
      help: '0 closed, 1 half-open, 2 open',
      labelNames: ['dependency'],
      registers,
    }),
    breakerChanged: new Gauge({
      name: 'circuit_breaker_changed_timestamp_seconds',
      help: 'When the breaker last changed its state; 0 while it never did',
      labelNames: ['dependency'],
      registers,
    }),
    breakerOpened: new Counter({
      name: 'circuit_breaker_opened_total',
      help: 'Openings of the breaker by the failure that opened it, failed probes included',
      labelNames: ['dependency', 'error_type'],
      registers,
    }),
  } as const;
}

function createMessagingInstruments(registry: Registry) {
  const registers = [registry];
  return {
    eventsPublished: new Counter({
      name: 'messaging_client_sent_messages_total',
      help: 'Events published',
      labelNames: MESSAGE_LABELS,
      registers,
    }),
    eventsHandled: new Counter({
      name: 'messaging_client_consumed_messages_total',
      help: 'Events handled, by result',
      labelNames: [...MESSAGE_LABELS, 'messaging_consumer_group_name', 'stream', 'result'],
      registers,
    }),
    eventDuration: createBatchedHistogram({
      name: 'messaging_process_duration_seconds',
      help: 'Duration of the handling of events, by result of those that failed',
      labelNames: [...MESSAGE_LABELS, 'messaging_consumer_group_name', 'error_type'],
      buckets: LATENCY_BUCKETS_SECONDS,
      registers,
    }),
    outboxUnsent: new Gauge({
      name: 'messaging_outbox_unsent_messages',
      help: 'Events in the outbox that are not yet published',
      registers,
    }),
    outboxOldest: new Gauge({
      name: 'messaging_outbox_oldest_age_seconds',
      help: 'Age of the oldest event not yet published; 0 when there is none',
      registers,
    }),
    consumerPending: new Gauge({
      name: 'messaging_consumer_pending_messages',
      help: 'Events of a stream that were not yet delivered to the consumer',
      labelNames: ['stream'],
      registers,
    }),
    brokerConnected: new Gauge({
      name: 'messaging_broker_connected',
      help: '1 while there is a connection to the broker',
      registers,
    }),
    deadLetters: new Gauge({ name: 'messaging_dead_letters', help: 'Events stored as dead letters', registers }),
  } as const;
}

function createDatabaseInstruments(registry: Registry) {
  return {
    databaseDuration: createBatchedHistogram({
      name: 'db_client_operation_duration_seconds',
      help: 'Duration of SQL statements, by their first word',
      labelNames: ['db_system_name', 'db_namespace', 'db_operation_name', 'error_type'],
      buckets: LATENCY_BUCKETS_SECONDS,
      registers: [registry],
    }),
    observeConnections: createConnectionGauges(registry),
  } as const;
}

function createConnectionGauges(registry: Registry): Metrics['observeConnections'] {
  const views = new Map<string, () => ConnectionView>();
  const addGauge = (name: string, help: string, read: (view: ConnectionView) => Record<string, number>): Gauge =>
    new Gauge({
      name,
      help,
      labelNames: ['db_client_connection_pool_name', 'db_client_connection_state'],
      registers: [registry],
      collect() {
        for (const [pool, view] of views) {
          for (const [state, value] of Object.entries(read(view()))) {
            const labels = state === '' ? {} : { db_client_connection_state: state };
            this.set({ db_client_connection_pool_name: pool, ...labels }, value);
          }
        }
      },
    });
  addGauge('db_client_connection_count', 'Connections to the database, by state', ({ used, idle }) => ({ used, idle }));
  addGauge('db_client_connection_max', 'Connections that a pool may have', ({ max }) => ({ '': max }));
  addGauge('db_client_connection_pending_requests', 'Callers that wait for a connection', ({ pending }) => ({
    '': pending,
  }));
  return (pool, view) => {
    views.set(pool, view);
  };
}

// Read at scrape time, so that calls do not pay for it.
function createBulkheadGauges(registry: Registry): Metrics['observeBulkhead'] {
  const views = new Map<string, () => BulkheadView>();
  const addGauge = (name: string, help: string, read: (view: BulkheadView) => number): Gauge =>
    new Gauge({
      name,
      help,
      labelNames: ['bulkhead'],
      registers: [registry],
      collect() {
        for (const [bulkhead, view] of views) this.set({ bulkhead }, read(view()));
      },
    });
  addGauge('bulkhead_limit', 'Calls that a bulkhead currently admits at once', ({ limit }) => limit);
  addGauge('bulkhead_in_flight', 'Calls in flight in a bulkhead', ({ inFlight }) => inFlight);
  addGauge('bulkhead_queued', 'Calls queued in front of a bulkhead', ({ queued }) => queued);
  return (bulkhead, view) => {
    views.set(bulkhead, view);
  };
}
