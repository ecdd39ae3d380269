// The dashboards and rules of deploy/ against the metrics that the services expose.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createJourneyMetrics } from '#services/monitor/journey-metrics.ts';
import { createOrderMetrics } from '#services/order/order-metrics.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createLimitCounter } from '#services/platform/runtime/server-limits.ts';
import { PROMETHEUS_MISSING, promtoolProgram } from '../../support/telemetry/prometheus.ts';
import { readDeployFile } from './manifests.ts';

type Dashboard = {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly datasource: { readonly uid: string };
    readonly targets: readonly { readonly expr: string }[];
  }[];
};

const FUNCTIONS = ['sum', 'by', 'rate', 'max', 'count', 'histogram_quantile', 'le'];

/** Every metric of the services, with its labels: those of the code and `service`, which all have. */
async function readMetrics(): Promise<Map<string, readonly string[]>> {
  const { registry } = createMetrics('order');
  createOrderMetrics(registry, { countOpen: async () => ({}) as never });
  createJourneyMetrics(registry);
  createLimitCounter(registry);
  const metrics = registry.getMetricsAsArray() as unknown as { name: string; type: string; labelNames?: string[] }[];
  return new Map(
    metrics.flatMap(({ name, type, labelNames = [] }) => {
      const labels = [...labelNames, 'service', 'le'];
      const names = type === 'histogram' ? ['_bucket', '_count', '_sum'].map((suffix) => name + suffix) : [name];
      return names.map((each) => [each, labels] as const);
    }),
  );
}

/** The names in an expression that are metrics or labels, without the texts in it. */
function namesOf(expression: string): string[] {
  const names = expression.replaceAll(/"[^"]*"|\$__rate_interval/g, '').match(/[a-z_]+/g) ?? [];
  return [...new Set(names)].filter((name) => !FUNCTIONS.includes(name));
}

it.each(['orders', 'platform'])('the dashboard %s asks for metrics and labels that the services have', async (name) => {
  const metrics = await readMetrics();
  const dashboard = JSON.parse(readDeployFile(`grafana/${name}.json`)) as Dashboard;

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

it.for(['../../../deploy/prometheus/replicas.yaml', '../../../services/monitor/prometheus/alerts.yaml'])(
  'Prometheus accepts the rules %s',
  async (file, { skip }) => {
    if (promtoolProgram === undefined) return skip(PROMETHEUS_MISSING);
    const path = fileURLToPath(new URL(file, import.meta.url));
    const { stdout } = await promisify(execFile)(promtoolProgram, ['check', 'rules', '--lint-fatal', path]);

    expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
  },
);

it('the rules of replicas count by a metric that every replica has from its start', async () => {
  const metrics = await readMetrics();
  const [, expression = ''] = /expr: (.+)/.exec(readDeployFile('prometheus/replicas.yaml')) ?? [];

  expect(namesOf(expression)).toEqual(['service', 'messaging_broker_connected']);
  expect(metrics.has('messaging_broker_connected')).toBe(true);
});
