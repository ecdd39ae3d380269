// JSON over HTTP to the payment provider, on connections that are kept. Every way in which no answer comes is one error.
import http from 'node:http';
import https from 'node:https';
import { describeError } from '../platform/base/errors.ts';

const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_IDLE_CONNECTIONS = 64;

/** No answer came: what the provider did is not known. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** Whether the time was over, rather than the connection. */
  readonly timedOut: boolean;

  constructor(message: string, options: ErrorOptions & { readonly timedOut: boolean }) {
    super(message, options);
    this.timedOut = options.timedOut;
  }
}

export type ProviderAnswer = {
  readonly status: number;
  /** Undefined when it is not JSON. */
  readonly body: unknown;
  /** How long the provider asks to wait, in milliseconds, when it does. */
  readonly retryAfterMs?: number | undefined;
};

export type ProviderRequest = {
  readonly method: 'GET' | 'POST';
  /** Below the provider's address, like `v1/charges`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly timeoutMs: number;
};

export type ProviderHttp = {
  /** Sends a request; resolves with whatever is answered. Throws NoAnswer. */
  send(request: ProviderRequest): Promise<ProviderAnswer>;
  /** Gives up what is under way and closes the connections. */
  stop(): void;
};

/** Makes the way to `baseUrl`; connects at the first request. */
export function createProviderHttp(baseUrl: string): ProviderHttp {
  const base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  const protocol = base.protocol === 'https:' ? https : http;
  const agent = new protocol.Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS });
  const stopping = new AbortController();
  return {
    send: async ({ method, path, headers, body, timeoutMs }) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
      const signal = AbortSignal.any([stopping.signal, timeout]);
      try {
        const response = await open(protocol.request, new URL(path, base), {
          method,
          agent,
          signal,
          headers: { accept: 'application/json', ...(payload === undefined ? {} : describeBody(payload)), ...headers },
          payload,
        });
        const retryAfterMs = parseRetryAfter(response.headers['retry-after']);
        return { status: response.statusCode ?? 0, body: parseJson(await readText(response)), retryAfterMs };
      } catch (error) {
        const reason = signal.aborted ? describeError(signal.reason) : describeError(error);
        throw new NoAnswer(`no answer from the payment provider: ${reason}`, {
          timedOut: timeout.aborted,
          cause: error,
        });
      }
    },
    stop: () => {
      stopping.abort(new Error('the service stops'));
      agent.destroy();
    },
  };
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

// Whole seconds; a date is for those who wait longer than a call does.
function parseRetryAfter(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Whoever reads the answer finds that it says nothing.
  }
}
