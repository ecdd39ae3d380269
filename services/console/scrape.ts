// Reads the metrics of every replica of every service, as a Prometheus does. Several readers within a moment share a reading.
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { ReplicaAddress, ReplicaAddresses } from '../platform/client/replica-addresses.ts';
import type { TlsFiles } from '../platform/identity/tls-files.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { ServiceName } from './forwarded-services.ts';

const SCRAPE_TIMEOUT_MS = 1_000;
const READ_PERIOD_MS = 500;

export type ScrapeOptions = {
  readonly replicas: readonly { readonly name: ServiceName; readonly addresses: ReplicaAddresses }[];
  readonly tls: TlsFiles | undefined;
  readonly log: Logger;
  readonly now?: () => number;
};

export type Reading = {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** `text` is undefined while the replica does not answer. */
  readonly replicas: readonly {
    readonly name: ServiceName;
    /** Host and port. */
    readonly instance: string;
    readonly text: string | undefined;
  }[];
};

/** Reads with the `authorization` header of the one who asks. */
export type ReadMetrics = (authorization: string | undefined) => Promise<Reading>;

/** Creates the reader. */
export function createMetricsReader({
  replicas: services,
  tls,
  log,
  now = () => performance.now(),
}: ScrapeOptions): ReadMetrics {
  let reading: Promise<Reading> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;

  const readReplica = async (name: ServiceName, address: ReplicaAddress, authorization: string | undefined) => {
    const instance = new URL(address.url).host;
    try {
      return { name, instance, text: await scrape(address, tls, authorization) };
    } catch (error) {
      // A service that is down is what the map shows; why, is of interest to few.
      log.debug({ err: error, dependency: name }, 'metrics cannot be read');
      return { name, instance, text: undefined };
    }
  };
  const read = async (authorization: string | undefined): Promise<Reading> => {
    const replicas = services.map(async ({ name, addresses }) => {
      const current = await addresses.current();
      return await Promise.all(current.map((address) => readReplica(name, address, authorization)));
    });
    return { time: Date.now(), replicas: (await Promise.all(replicas)).flat() };
  };
  return (authorization) => {
    if (reading === undefined || now() - readAt >= READ_PERIOD_MS) {
      readAt = now();
      reading = read(authorization);
    }
    return reading;
  };
}

async function scrape(
  { url, serverName }: ReplicaAddress,
  tls: TlsFiles | undefined,
  authorization: string | undefined,
): Promise<string> {
  const send = url.startsWith('https:') ? https.request : http.request;
  const answered = Promise.withResolvers<IncomingMessage>();
  const request = send(`${url.replace(/\/$/, '')}/metrics`, {
    headers: authorization === undefined ? {} : { authorization },
    signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS),
    agent: false,
    ...(tls === undefined ? {} : { ca: tls.current().ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
  request.once('response', answered.resolve).once('error', answered.reject).end();
  const response = await answered.promise;
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`${url} answered ${response.statusCode}`);
  }
  return await text(response);
}
