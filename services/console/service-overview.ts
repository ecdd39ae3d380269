// What the metrics of a service say about it, as totals since its start; the page makes rates of them. Pure.
import { parseMetrics, type Sample, sumOf } from './metrics-text.ts';

const SERVED = 'rpc_server_call_duration_seconds';
const CALLED = 'rpc_client_call_duration_seconds';
const PUBLISHED = 'messaging_client_sent_messages_total';
const HANDLED = 'messaging_client_consumed_messages_total';
const NAMES = new Set([
  `${SERVED}_count`,
  `${SERVED}_sum`,
  `${CALLED}_count`,
  `${CALLED}_sum`,
  PUBLISHED,
  HANDLED,
  'circuit_breaker_state',
  'messaging_outbox_unsent_messages',
  'messaging_consumer_pending_messages',
  'messaging_broker_connected',
  'process_resident_memory_bytes',
]);
const BREAKER_STATES = ['closed', 'half_open', 'open'] as const;
/** The answers that are faults, as OpenTelemetry's conventions have it: what a caller did wrong is none. */
const FAULTS = new Set(['unknown', 'deadline_exceeded', 'unimplemented', 'internal', 'unavailable', 'data_loss']);
/** Reads and health checks of the console itself would hide what the shop does. */
const OPERATORS = /^shop\.ops\./;

export type CallTotals = {
  readonly calls: number;
  readonly failed: number;
  /** The time of all calls together. */
  readonly seconds: number;
};

export type EdgeTotals = CallTotals & {
  readonly dependency: string;
  readonly breaker: (typeof BREAKER_STATES)[number];
};

export type ServiceOverview = {
  readonly served: CallTotals;
  readonly edges: readonly EdgeTotals[];
  readonly published: number;
  readonly handled: number;
  readonly outbox: number;
  readonly pending: number;
  readonly brokerConnected: boolean;
  readonly memoryBytes: number;
};

/** Summarises the text of a service's /metrics. */
export function summariseMetrics(text: string): ServiceOverview {
  const samples = parseMetrics(text, NAMES);
  const ofShop = ({ rpc_method = '' }: Sample['labels']) => !OPERATORS.test(rpc_method);
  const dependencies = samples
    .filter(({ name }) => name === 'circuit_breaker_state')
    .map(({ labels, value }) => ({ dependency: labels.dependency ?? '', breaker: BREAKER_STATES[value] ?? 'closed' }));
  return {
    served: {
      calls: sumOf(samples, `${SERVED}_count`, ofShop),
      failed: sumOf(samples, `${SERVED}_count`, (labels) => ofShop(labels) && FAULTS.has(labels.rpc_status_code ?? '')),
      seconds: sumOf(samples, `${SERVED}_sum`, ofShop),
    },
    edges: dependencies.map(({ dependency, breaker }) => {
      const ofEdge = (labels: Sample['labels']) => labels.dependency === dependency;
      return {
        dependency,
        breaker,
        calls: sumOf(samples, `${CALLED}_count`, ofEdge),
        failed: sumOf(samples, `${CALLED}_count`, (labels) => ofEdge(labels) && (labels.error_type ?? '') !== ''),
        seconds: sumOf(samples, `${CALLED}_sum`, ofEdge),
      };
    }),
    published: sumOf(samples, PUBLISHED),
    handled: sumOf(samples, HANDLED),
    outbox: sumOf(samples, 'messaging_outbox_unsent_messages'),
    pending: sumOf(samples, 'messaging_consumer_pending_messages'),
    brokerConnected: sumOf(samples, 'messaging_broker_connected') > 0,
    memoryBytes: sumOf(samples, 'process_resident_memory_bytes'),
  };
}
