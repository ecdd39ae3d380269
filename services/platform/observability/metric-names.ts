// The names of metrics and labels in OpenTelemetry, where its semantic conventions have one for what Prometheus knows by another spelling.
// Prometheus' own conversion leads back from each of them, so dashboards hold for metrics that are scraped and for those that are sent.

/** How OpenTelemetry names a metric. */
export type MetricName = {
  readonly name: string;
  /** In UCUM; empty for a metric without one. */
  readonly unit: string;
  /** Whether it goes up and down and is added over processes: OpenTelemetry has it as a sum, Prometheus as a gauge. */
  readonly isUpDownCounter?: true;
};

const METRICS: Readonly<Record<string, MetricName>> = {
  rpc_server_call_duration_seconds: { name: 'rpc.server.call.duration', unit: 's' },
  rpc_client_call_duration_seconds: { name: 'rpc.client.call.duration', unit: 's' },
  messaging_client_sent_messages_total: { name: 'messaging.client.sent.messages', unit: '{message}' },
  messaging_client_consumed_messages_total: { name: 'messaging.client.consumed.messages', unit: '{message}' },
  messaging_process_duration_seconds: { name: 'messaging.process.duration', unit: 's' },
  db_client_operation_duration_seconds: { name: 'db.client.operation.duration', unit: 's' },
  db_client_connection_count: { name: 'db.client.connection.count', unit: '{connection}', isUpDownCounter: true },
  db_client_connection_max: { name: 'db.client.connection.max', unit: '{connection}', isUpDownCounter: true },
  db_client_connection_pending_requests: {
    name: 'db.client.connection.pending_requests',
    unit: '{request}',
    isUpDownCounter: true,
  },
};

// prom-client reads them from the system when it is asked, instead of counting.
const OBSERVED_COUNTERS: ReadonlySet<string> = new Set([
  'process_cpu_user_seconds_total',
  'process_cpu_system_seconds_total',
  'process_cpu_seconds_total',
]);

const LABELS: Readonly<Record<string, string>> = {
  error_type: 'error.type',
  rpc_system_name: 'rpc.system.name',
  rpc_method: 'rpc.method',
  rpc_status_code: 'rpc.status_code',
  messaging_system: 'messaging.system',
  messaging_operation_name: 'messaging.operation.name',
  messaging_destination_name: 'messaging.destination.name',
  messaging_consumer_group_name: 'messaging.consumer.group.name',
  db_system_name: 'db.system.name',
  db_namespace: 'db.namespace',
  db_operation_name: 'db.operation.name',
  db_client_connection_pool_name: 'db.client.connection.pool.name',
  db_client_connection_state: 'db.client.connection.state',
};

const UNITS = [
  [/_seconds(_total)?$/, 's'],
  [/_bytes(_total)?$/, 'By'],
] as const;

/** Returns the name of a metric by its name in Prometheus: one without a convention keeps it. */
export function metricNameOf(prometheusName: string): MetricName {
  const unit = UNITS.find(([suffix]) => suffix.test(prometheusName))?.[1] ?? '';
  return METRICS[prometheusName] ?? { name: prometheusName, unit };
}

/** Whether the metric of this name is what OpenTelemetry calls an asynchronous counter. */
export function isObservedCounter(name: string): boolean {
  return OBSERVED_COUNTERS.has(name);
}

/** Returns the name of an attribute by its label in Prometheus: one without a convention keeps it. */
export function attributeNameOf(label: string): string {
  return LABELS[label] ?? label;
}
