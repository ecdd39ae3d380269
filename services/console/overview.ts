// The overview of all services, from their metrics: what the map shows.
import type { HttpHandler } from '#packages/rpc-server/index.ts';
import type { Credentials } from './credentials.ts';
import type { ServiceName } from './forwarded-services.ts';
import { jsonRoute } from './json-route.ts';
import type { ReadMetrics } from './scrape.ts';
import { type ServiceOverview, summariseMetrics } from './service-overview.ts';

/** One entry for each replica of each service; `metrics` is null while it does not answer. */
export type Overview = {
  readonly time: number;
  readonly services: readonly {
    readonly name: ServiceName;
    readonly instance: string;
    readonly metrics: ServiceOverview | null;
  }[];
};

/** The route that operators' pages read every second. */
export function overviewRoutes(readMetrics: ReadMetrics, credentials: Credentials): Record<string, HttpHandler> {
  return {
    '/console/overview': jsonRoute('GET', async ({ headers }) => {
      await credentials.requireOperator(headers);
      const { time, replicas } = await readMetrics(await credentials.find(headers));
      const services = replicas.map(({ name, instance, text }) => {
        return { name, instance, metrics: text === undefined ? null : summariseMetrics(text) };
      });
      return { body: { time, services } satisfies Overview };
    }),
  };
}
