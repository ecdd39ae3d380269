// The metrics of one service in Prometheus' text format. A registry each service, so that tests can run several in a process.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const LATENCY_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The instruments every service has. */
export type Metrics = {
  readonly registry: Registry;
  /** RED per RPC served: requests by code, and seconds. */
  readonly rpcServed: Histogram<'rpc' | 'code'>;
  /** RED per RPC called: requests by code, and seconds. */
  readonly rpcCalled: Histogram<'dependency' | 'rpc' | 'code'>;
  /** 0 closed, 1 half-open, 2 open. */
  readonly breakerState: Gauge<'dependency'>;
  readonly eventsPublished: Counter<'subject'>;
  /** Events handled, by result: applied, duplicate, retried, dead_letter, ignored. */
  readonly eventsHandled: Counter<'stream' | 'subject' | 'result'>;
  readonly outboxUnsent: Gauge;
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
    rpcServed: new Histogram({
      name: 'rpc_server_seconds',
      help: 'RPCs served',
      labelNames: ['rpc', 'code'],
      buckets,
      registers,
    }),
    rpcCalled: new Histogram({
      name: 'rpc_client_seconds',
      help: 'RPCs called, retries included',
      labelNames: ['dependency', 'rpc', 'code'],
      buckets,
      registers,
    }),
    breakerState: new Gauge({
      name: 'circuit_breaker_state',
      help: '0 closed, 1 half-open, 2 open',
      labelNames: ['dependency'],
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
    deadLetters: new Gauge({ name: 'dead_letters', help: 'Events set aside', registers }),
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
