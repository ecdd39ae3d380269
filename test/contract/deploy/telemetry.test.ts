// The dashboards and rules of deploy/ against the metrics that the services expose.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { createJourneyMetrics } from '#services/monitor/journey-metrics.ts';
import { createOrderMetrics } from '#services/order/order-metrics.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createLimitCounter } from '#services/platform/runtime/server-limits.ts';
import { readDeployFile } from '../../support/deploy/manifests.ts';
import { DASHBOARDS, readDashboard, withInterval } from '../../support/telemetry/dashboards.ts';
import { PROMETHEUS_MISSING, promtoolProgram } from '../../support/telemetry/prometheus.ts';

const RULES = ['../../../deploy/prometheus/replicas.yaml', '../../../services/monitor/prometheus/alerts.yaml'];
const FUNCTIONS = ['sum', 'by', 'rate', 'max', 'count', 'time', 'histogram_quantile', 'le'];
/** Metrics that are on no dashboard and in no rule, and why. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  circuit_breaker_changed_timestamp_seconds: 'GetStatus and the console show it; the state is on a dashboard',
  process_cpu_user_seconds_total: 'a part of process_cpu_seconds_total',
  process_cpu_system_seconds_total: 'a part of process_cpu_seconds_total',
  process_start_time_seconds: 'a date; a restart shows in every counter',
  process_virtual_memory_bytes: 'reserved address space, which costs nothing',
  process_heap_bytes: 'data segment; the resident memory is shown',
  process_max_fds: 'constant',
  nodejs_eventloop_lag_seconds: 'a sample at the time of the scrape; the 99th percentile is shown',
  nodejs_eventloop_lag_min_seconds: 'the 99th percentile is shown',
  nodejs_eventloop_lag_max_seconds: 'the 99th percentile is shown',
  nodejs_eventloop_lag_mean_seconds: 'the 99th percentile is shown',
  nodejs_eventloop_lag_stddev_seconds: 'the 99th percentile is shown',
  nodejs_eventloop_lag_p50_seconds: 'the 99th percentile is shown',
  nodejs_eventloop_lag_p90_seconds: 'the 99th percentile is shown',
  nodejs_active_resources: 'for the search of a leak, with its types',
  nodejs_active_resources_total: 'for the search of a leak',
  nodejs_active_handles: 'for the search of a leak, with its types',
  nodejs_active_handles_total: 'for the search of a leak; open files are shown',
  nodejs_active_requests: 'for the search of a leak, with its types',
  nodejs_active_requests_total: 'for the search of a leak',
  nodejs_heap_size_total_bytes: 'what is used of it is shown',
  nodejs_external_memory_bytes: 'a part of the resident memory',
  nodejs_heap_space_size_total_bytes: 'for the search of a leak, by space',
  nodejs_heap_space_size_used_bytes: 'for the search of a leak, by space',
  nodejs_heap_space_size_available_bytes: 'for the search of a leak, by space',
  nodejs_version_info: 'constant',
};

type Family = { readonly name: string; readonly type: string; readonly labelNames?: readonly string[] };

/** Every metric of the services. */
function readFamilies(): readonly Family[] {
  const { registry } = createMetrics('order', true);
  createOrderMetrics(registry, { countOpen: async () => ({}) as never });
  createJourneyMetrics(registry);
  createLimitCounter(registry);
  return registry.getMetricsAsArray() as unknown as readonly Family[];
}

/** The names that they have in queries, with their labels: those of the code and `service`, which all have. */
function readMetrics(): Map<string, readonly string[]> {
  return new Map(
    readFamilies().flatMap(({ name, type, labelNames = [] }) => {
      const labels = [...labelNames, 'service', 'le'];
      const names = type === 'histogram' ? ['_bucket', '_count', '_sum'].map((suffix) => name + suffix) : [name];
      return names.map((each) => [each, labels] as const);
    }),
  );
}

/** The names in an expression that are metrics or labels, without the texts in it. */
function namesOf(expression: string): string[] {
  const names = expression.replaceAll(/"[^"]*"|\$__rate_interval/g, '').match(/[a-z_][a-z0-9_]*/g) ?? [];
  return [...new Set(names)].filter((name) => !FUNCTIONS.includes(name));
}

it.each(DASHBOARDS)('the dashboard %s asks for metrics and labels that the services have', (name) => {
  const metrics = readMetrics();
  const dashboard = readDashboard(name);

  expect(dashboard.uid).toBe(`touchstone-${name}`);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  for (const { title, datasource, targets } of dashboard.panels) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own variable.
    expect(datasource.uid).toBe('${datasource}');
    for (const { expr } of targets) {
      const [metric = '', ...unknown] = namesOf(expr).filter((each) => metrics.has(each));
      expect({ title, unknown, labels: namesOf(expr).filter((each) => each !== metric) }).toEqual({
        title,
        unknown: [],
        labels: expect.toSatisfy((labels: string[]) => labels.every((label) => metrics.get(metric)?.includes(label))),
      });
    }
  }
});

it('each metric of the services is on a dashboard or in a rule, or there is a reason why not', () => {
  const queries = DASHBOARDS.flatMap((name) => readDashboard(name).panels.flatMap(({ targets }) => targets));
  const rules = RULES.flatMap((file) => [
    ...readFileSync(new URL(file, import.meta.url), 'utf8').matchAll(/expr: (.*)/g),
  ]);
  const asked = new Set([...queries.map(({ expr }) => expr), ...rules.map(([, expr = '']) => expr)].flatMap(namesOf));
  const isAsked = ({ name }: Family) => ['', '_bucket', '_count', '_sum'].some((suffix) => asked.has(name + suffix));
  const missing = readFamilies().filter((family) => !isAsked(family));

  expect(missing.map(({ name }) => name).toSorted()).toEqual(Object.keys(NOT_SHOWN).toSorted());
});

it('Prometheus parses each query of the dashboards', async ({ skip }) => {
  if (promtoolProgram === undefined) return skip(PROMETHEUS_MISSING);
  await using folder = await createGuardedDirectory('touchstone-queries');
  const path = join(folder.path, 'queries.yaml');
  const queries = DASHBOARDS.flatMap((name) => readDashboard(name).panels.flatMap(({ targets }) => targets));
  const rules = queries.map(({ expr }, index) => ({ record: `query:${index}`, expr: withInterval(expr, '1m') }));
  // JSON is YAML too.
  await writeFile(path, JSON.stringify({ groups: [{ name: 'dashboards', rules }] }));
  const { stdout } = await promisify(execFile)(promtoolProgram, ['check', 'rules', path]);

  expect(stdout).toContain(`SUCCESS: ${queries.length} rules found`);
});

it.for(RULES)('Prometheus accepts the rules %s', async (file, { skip }) => {
  if (promtoolProgram === undefined) return skip(PROMETHEUS_MISSING);
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { stdout } = await promisify(execFile)(promtoolProgram, ['check', 'rules', '--lint-fatal', path]);

  expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
});

it('the rules of replicas count by a metric that every replica has from its start', () => {
  const metrics = readMetrics();
  const [, expression = ''] = /expr: (.+)/.exec(readDeployFile('prometheus/replicas.yaml')) ?? [];

  expect(namesOf(expression)).toEqual(['service', 'messaging_broker_connected']);
  expect(metrics.has('messaging_broker_connected')).toBe(true);
});
