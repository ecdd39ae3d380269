// Takes the spans that the services of the stack send by OTLP over HTTP, so that the console can show the trace of an order. The services
// are given an address with a key: what another program of this machine sends is refused.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { HttpHandler } from '#packages/rpc-server/index.ts';
import { readBody } from '../../../services/platform/server/read-body.ts';
import { readSpans } from './read-spans.ts';
import type { SpanMemory } from './span-memory.ts';

const PATH = '/v1/traces';
const KEY_HEADER = 'collector-key';
const MOST_BYTES = 4 * 1024 * 1024;
/** The page is to show a span soon after it ended. */
const EXPORT_PERIOD_MS = 500;

export type SpanCollector = {
  readonly routes: Readonly<Record<string, HttpHandler>>;
  /** The settings of a service that sends its spans to the port at `url`. */
  settingsFor(url: string): Record<string, string>;
};

/** Creates the collector; it puts what comes into `memory`. */
export function createSpanCollector(memory: SpanMemory): SpanCollector {
  const key = randomBytes(16).toString('hex');
  const take: HttpHandler = async (request, response) => {
    const answer = (status: number) => response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
    if (request.method !== 'POST') return answer(405);
    if (!isSame(String(request.headers[KEY_HEADER] ?? ''), key)) return answer(401);
    const body = await readBody(request, MOST_BYTES);
    if (body === undefined) return answer(413);
    try {
      memory.add(readSpans(body));
    } catch {
      // Neither a retry nor another collector would read it.
      return answer(400);
    }
    return answer(200);
  };
  return {
    routes: { [PATH]: take },
    settingsFor: (url) => ({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}${PATH}`,
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: `${KEY_HEADER}=${key}`,
      OTEL_BSP_SCHEDULE_DELAY: String(EXPORT_PERIOD_MS),
    }),
  };
}

/** Whether the platform was started with settings that say where its spans go. */
export function namesCollector(environment: Readonly<Record<string, string | undefined>>): boolean {
  return Object.entries(environment).some(
    ([name, value]) =>
      value &&
      (name.startsWith('OTEL_EXPORTER_OTLP_') || name === 'OTEL_TRACES_EXPORTER' || name === 'OTEL_SDK_DISABLED'),
  );
}

function isSame(given: string, key: string): boolean {
  return given.length === key.length && timingSafeEqual(Buffer.from(given), Buffer.from(key));
}
