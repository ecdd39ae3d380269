// The Grafana dashboards of deploy/, and their queries as Prometheus takes them.
import { readFileSync } from 'node:fs';

export const DASHBOARDS = ['orders', 'platform'] as const;

export type Dashboard = {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly datasource: { readonly uid: string };
    readonly targets: readonly { readonly expr: string }[];
  }[];
};

export function readDashboard(name: (typeof DASHBOARDS)[number]): Dashboard {
  const file = new URL(`../../../deploy/grafana/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Dashboard;
}

/** The query with this interval, such as `1m`, in place of Grafana's variable. */
export function withInterval(query: string, interval: string): string {
  return query.replaceAll('$__rate_interval', interval);
}
