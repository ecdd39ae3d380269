// The overview of all services, from their metrics: what the map shows.
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { HttpHandler } from '#packages/rpc-server/index.ts';
import type { TlsFiles } from '../platform/identity/tls-files.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { Credentials } from './credentials.ts';
import { SERVICE_NAMES, type ServiceName } from './forwarded-services.ts';
import { jsonRoute } from './json-route.ts';
import { type ServiceOverview, summariseMetrics } from './service-overview.ts';

const SCRAPE_TIMEOUT_MS = 1_000;
/** Several open pages share a reading. */
const READ_PERIOD_MS = 500;

export type OverviewOptions = {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly tls: TlsFiles | undefined;
  readonly credentials: Credentials;
  readonly log: Logger;
  readonly now?: () => number;
};

/** One entry for each service; `metrics` is null while it does not answer. */
export type Overview = {
  readonly time: number;
  readonly services: readonly { readonly name: ServiceName; readonly metrics: ServiceOverview | null }[];
};

/** The route that operators' pages read every second. */
export function overviewRoutes(options: OverviewOptions): Record<string, HttpHandler> {
  const { urls, tls, credentials, log, now = () => performance.now() } = options;
  let reading: Promise<Overview> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;

  const readService = async (name: ServiceName, authorization: string | undefined) => {
    try {
      return { name, metrics: summariseMetrics(await scrape(`${urls[name]}/metrics`, tls, authorization)) };
    } catch (error) {
      // A service that is down is what the map shows; why, is of interest to few.
      log.debug({ err: error, dependency: name }, 'metrics cannot be read');
      return { name, metrics: null };
    }
  };
  const read = async (authorization: string | undefined): Promise<Overview> => ({
    time: Date.now(),
    services: await Promise.all(SERVICE_NAMES.map((name) => readService(name, authorization))),
  });
  return {
    '/console/overview': jsonRoute('GET', async ({ headers }) => {
      await credentials.requireOperator(headers);
      if (reading === undefined || now() - readAt >= READ_PERIOD_MS) {
        readAt = now();
        reading = read(await credentials.find(headers));
      }
      return { body: await reading };
    }),
  };
}

async function scrape(url: string, tls: TlsFiles | undefined, authorization: string | undefined): Promise<string> {
  const send = url.startsWith('https:') ? https.request : http.request;
  const answered = Promise.withResolvers<IncomingMessage>();
  const request = send(url, {
    headers: authorization === undefined ? {} : { authorization },
    signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS),
    agent: false,
    ...(tls === undefined ? {} : { ca: tls.current().ca }),
  });
  request.once('response', answered.resolve).once('error', answered.reject).end();
  const response = await answered.promise;
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`${url} answered ${response.statusCode}`);
  }
  return await text(response);
}
