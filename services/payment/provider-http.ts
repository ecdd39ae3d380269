// The HTTP client of the payment provider: JSON over kept-alive connections. Every failure to get a response throws NoAnswer.
import http from 'node:http';
import https from 'node:https';
import { describeError } from '../platform/base/errors.ts';
import { recordHttpStatus, requestSpan } from '../platform/observability/http-spans.ts';
import { errorTypeOf, injectTrace, runInSpan } from '../platform/observability/tracing.ts';

const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_IDLE_CONNECTIONS = 64;

/** No response arrived: whether the provider processed the request is unknown. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** Whether the request timed out, rather than lost its connection. */
  readonly timedOut: boolean;

  constructor(message: string, options: ErrorOptions & { readonly timedOut: boolean }) {
    super(message, options);
    this.timedOut = options.timedOut;
  }
}

export type ProviderAnswer = {
  readonly status: number;
  /** Undefined when the response is not JSON. */
  readonly body: unknown;
  /** The Retry-After of the response, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
};

export type ProviderRequest = {
  readonly method: 'GET' | 'POST';
  /** Relative to the provider's URL, for example `v1/charges`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly timeoutMs: number;
};

export type ProviderHttp = {
  /**
   * Sends a request and resolves with any response, whatever its status.
   * @throws {NoAnswer}
   */
  send(request: ProviderRequest): Promise<ProviderAnswer>;
  /** Aborts the requests in flight and closes the connections. */
  stop(): void;
};

/**
 * Creates the client of `baseUrl`; it connects at the first request.
 * @param authorities Whose certificates are accepted; undefined for those that Node knows.
 */
export function createProviderHttp(baseUrl: string, authorities?: readonly string[]): ProviderHttp {
  const base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  const protocol = base.protocol === 'https:' ? https : http;
  const agent = new protocol.Agent({
    keepAlive: true,
    maxFreeSockets: MAX_IDLE_CONNECTIONS,
    ...(authorities === undefined ? {} : { ca: [...authorities] }),
  });
  const stopping = new AbortController();
  return {
    send: ({ method, path, headers, body, timeoutMs }) =>
      runInSpan(requestSpan(method, new URL(path, base), failureOf), async () => {
        const payload = body === undefined ? undefined : JSON.stringify(body);
        const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
        const signal = AbortSignal.any([stopping.signal, timeout]);
        try {
          const response = await open(protocol.request, new URL(path, base), {
            method,
            agent,
            signal,
            headers: {
              accept: 'application/json',
              ...(payload === undefined ? {} : describeBody(payload)),
              ...headers,
              ...injectTrace(),
            },
            payload,
          });
          const retryAfterMs = parseRetryAfter(response.headers['retry-after']);
          const status = response.statusCode ?? 0;
          recordHttpStatus(status);
          return { status, body: parseJson(await readText(response)), retryAfterMs };
        } catch (error) {
          const reason = signal.aborted ? describeError(signal.reason) : describeError(error);
          throw new NoAnswer(`no answer from the payment provider: ${reason}`, {
            timedOut: timeout.aborted,
            cause: error,
          });
        }
      }),
    stop: () => {
      stopping.abort(new Error('the service stops'));
      agent.destroy();
    },
  };
}

function failureOf(error: unknown): string {
  return error instanceof NoAnswer && error.timedOut ? 'timeout' : errorTypeOf(error);
}

type OpenOptions = http.RequestOptions & { readonly payload: string | undefined };

function open(
  request: typeof http.request,
  url: URL,
  { payload, ...options }: OpenOptions,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, resolve);
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

function describeBody(payload: string) {
  return { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// Seconds only: a date would be further ahead than any call waits.
function parseRetryAfter(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The caller treats a missing body as an unreadable response.
  }
}
