// The metrics of one service in Prometheus' text format. A registry each service, so that tests can run several in a process.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { BulkheadView } from '../base/bulkhead.ts';
import { type BatchedHistogram, createBatchedHistogram } from './batched-histogram.ts';

const LATENCY_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The instruments every service has. */
export type Metrics = {
  readonly registry: Registry;
  /** RED per RPC served: requests by code, and seconds. */
  readonly rpcServed: BatchedHistogram<'rpc' | 'code'>;
  /** RED per RPC called: requests by code, and seconds. */
  readonly rpcCalled: BatchedHistogram<'dependency' | 'rpc' | 'code'>;
  /** Repeats of calls, besides each first try. */
  readonly callRetries: Counter<'dependency' | 'rpc'>;
  /** Calls that found a bulkhead full: of a dependency's name, or of the service's own work. */
  readonly bulkheadRefused: Counter<'bulkhead'>;
  /** Shows from now on what is at work in a bulkhead and what waits before it. */
  readonly watchBulkhead: (bulkhead: string, view: () => BulkheadView) => void;
  /** 0 closed, 1 half-open, 2 open. */
  readonly breakerState: Gauge<'dependency'>;
  /** When it last changed, in seconds since 1970; 0 while it never did. */
  readonly breakerChanged: Gauge<'dependency'>;
  /** Openings, failed probes among them, by the failure that was the last straw. */
  readonly breakerOpened: Counter<'dependency' | 'failure'>;
  readonly eventsPublished: Counter<'subject'>;
  /** Events handled, by result: applied, duplicate, retried, dead_letter, ignored. */
  readonly eventsHandled: Counter<'stream' | 'subject' | 'result'>;
  readonly outboxUnsent: Gauge;
  /** Age of the oldest event not yet published; 0 when there is none. */
  readonly outboxOldest: Gauge;
  /** Events of a stream that this service's consumer has not been given yet. */
  readonly consumerPending: Gauge<'stream'>;
  /** 1 while there is a connection to the broker. */
  readonly brokerConnected: Gauge;
  readonly deadLetters: Gauge;
};

/** Makes the instruments of one service; `includeProcess` adds Node's own (memory, event loop, garbage collection). */
export function createMetrics(service: string, includeProcess = false): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (includeProcess) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const buckets = LATENCY_BUCKETS_SECONDS;
  return {
    registry,
    rpcServed: createBatchedHistogram({
      name: 'rpc_server_seconds',
      help: 'RPCs served',
      labelNames: ['rpc', 'code'],
      buckets,
      registers,
    }),
    rpcCalled: createBatchedHistogram({
      name: 'rpc_client_seconds',
      help: 'RPCs called, retries included',
      labelNames: ['dependency', 'rpc', 'code'],
      buckets,
      registers,
    }),
    callRetries: new Counter({
      name: 'rpc_client_retries_total',
      help: 'Repeats of calls',
      labelNames: ['dependency', 'rpc'],
      registers,
    }),
    bulkheadRefused: new Counter({
      name: 'bulkhead_refused_total',
      help: 'Calls that found a bulkhead full',
      labelNames: ['bulkhead'],
      registers,
    }),
    watchBulkhead: createBulkheadGauges(registry),
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
      help: 'Openings of the breaker by the failure that opened it, failed probes among them',
      labelNames: ['dependency', 'failure'],
      registers,
    }),
    eventsPublished: new Counter({
      name: 'events_published_total',
      help: 'Events published',
      labelNames: ['subject'],
      registers,
    }),
    eventsHandled: new Counter({
      name: 'events_handled_total',
      help: 'Events handled by result',
      labelNames: ['stream', 'subject', 'result'],
      registers,
    }),
    outboxUnsent: new Gauge({ name: 'outbox_unsent', help: 'Events not yet published', registers }),
    outboxOldest: new Gauge({
      name: 'outbox_oldest_seconds',
      help: 'Age of the oldest event not yet published; 0 when there is none',
      registers,
    }),
    consumerPending: new Gauge({
      name: 'consumer_pending',
      help: 'Events of a stream that the consumer has not been given yet',
      labelNames: ['stream'],
      registers,
    }),
    brokerConnected: new Gauge({
      name: 'broker_connected',
      help: '1 while there is a connection to the broker',
      registers,
    }),
    deadLetters: new Gauge({ name: 'dead_letters', help: 'Events set aside', registers }),
  };
}

// Read when somebody asks: a call must not pay for it.
function createBulkheadGauges(registry: Registry): Metrics['watchBulkhead'] {
  const views = new Map<string, () => BulkheadView>();
  const show = (name: string, help: string, read: (view: BulkheadView) => number): Gauge =>
    new Gauge({
      name,
      help,
      labelNames: ['bulkhead'],
      registers: [registry],
      collect() {
        for (const [bulkhead, view] of views) this.set({ bulkhead }, read(view()));
      },
    });
  show('bulkhead_limit', 'Calls a bulkhead lets in at once, now', ({ limit }) => limit);
  show('bulkhead_in_use', 'Calls at work in a bulkhead', ({ inUse }) => inUse);
  show('bulkhead_queued', 'Calls that wait before a bulkhead', ({ queued }) => queued);
  return (bulkhead, view) => {
    views.set(bulkhead, view);
  };
}

/** Serves a registry at `/metrics`; `refresh` first brings up to date what is only known by asking. */
export function createMetricsHandler(
  metrics: Metrics,
  refresh: () => Promise<unknown> = async () => undefined,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (_request, response) => {
    await refresh();
    response.setHeader('content-type', metrics.registry.contentType);
    response.end(await metrics.registry.metrics());
  };
}
