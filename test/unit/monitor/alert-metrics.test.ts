// The metrics that the alerts name exist in the services.
import { readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createJourneyMetrics } from '#services/monitor/journey-metrics.ts';
import { createOrderMetrics } from '#services/order/order-metrics.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';

const RULES = new URL('../../../services/monitor/prometheus/alerts.yaml', import.meta.url);
// The labels that a scrape adds, and the functions and keywords of PromQL.
const NOT_OURS =
  /^(up|sum|max|min|by|and|or|absent|increase|rate|job|service|dependency|bulkhead|stream|result|journey:.*)$/;

it('every metric of an alert exists in a service', async () => {
  const expressions = [...readFileSync(RULES, 'utf8').matchAll(/expr: (.*)/g)].map(([, text]) => text ?? '');
  const named = new Set(
    expressions
      .join(' ')
      .replaceAll(/"[^"]*"/g, '')
      .match(/[a-z_]+(:[a-z0-9_:]+)?/g)
      ?.filter((word) => /[a-z]{2}/.test(word)),
  );
  const registry = new Registry();
  createOrderMetrics(registry, { countOpen: async () => ({ pending: 0, oldestPendingMs: 0, compensations: 0 }) });
  createJourneyMetrics(registry);
  const known = new Set(
    [registry, createMetrics('order').registry].flatMap((each) => each.getMetricsAsArray().map(({ name }) => name)),
  );

  const metrics = [...named].filter((word) => !NOT_OURS.test(word));
  expect(metrics.length).toBeGreaterThanOrEqual(8);
  expect(metrics.filter((name) => !known.has(name))).toEqual([]);
});
