// Sends requests over HTTP/1.1 and HTTP/2 and receives answers, whatever they are: no answer is an error here.

import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { type ClientTls, clientTlsOf } from '../../base/client-tls.ts';
import { reasonOf } from '../../base/error-reason.ts';
import type { RawRequest } from './encode-request.ts';

/** An answer as it arrived. */
export type RawAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly trailers: Readonly<Record<string, string>>;
      /** Its beginning, up to a limit. */
      readonly body: Uint8Array;
      readonly isCut: boolean;
    }
  /** It did not end within the timeout. */
  | { readonly kind: 'no end'; readonly hasBegun: boolean; readonly receivedBytes: number }
  /** The connection was lost before its end. */
  | { readonly kind: 'lost'; readonly reason: string };

/** How to send requests. */
export type HttpClientOptions = {
  /** Such as `http://127.0.0.1:50051`. */
  readonly url: string;
  readonly timeoutMs: number;
  /** How a service with TLS is called. */
  readonly tls?: ClientTls | undefined;
};

type Receiving = { readonly collected: Collected; readonly timeoutMs: number };

const MAX_BODY = 4 * 1024 * 1024;

/** Sends one request after the other. Disposing of it closes its connections. */
export class HttpClient implements Disposable {
  readonly #url: URL;
  readonly #timeoutMs: number;
  readonly #tls: ReturnType<typeof clientTlsOf>;
  #session: ClientHttp2Session | undefined;

  /** @throws {TypeError} if `tls` cannot be used. */
  constructor({ url, timeoutMs, tls = {} }: HttpClientOptions) {
    this.#url = new URL(url);
    this.#timeoutMs = timeoutMs;
    this.#tls = clientTlsOf(tls, 'tls');
  }

  /** Sends a request. Over HTTP/1.1 it has a connection of its own. */
  async send(request: RawRequest, http: '1.1' | '2', timeoutMs = this.#timeoutMs): Promise<RawAnswer> {
    if (http === '1.1') return await this.#sendHttp1(request, timeoutMs);
    const isReused = this.#session !== undefined;
    const answer = await this.#sendHttp2(request, timeoutMs);
    // The server may have closed an idle connection at this moment.
    return answer.kind === 'lost' && isReused ? await this.#sendHttp2(request, timeoutMs) : answer;
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  async #sendHttp1({ httpMethod, path, headers, body }: RawRequest, timeoutMs: number): Promise<RawAnswer> {
    const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(new URL(path, this.#url), {
      method: httpMethod,
      headers: { ...headers, ...(httpMethod === 'POST' ? { 'content-length': body.length } : {}) },
      agent: false,
      ...this.#tls,
    });
    // Errors after the end of the call concern no one.
    request.on('error', () => undefined);
    request.end(body);
    const collected = new Collected();
    return await this.#untilEnd(
      { collected, timeoutMs },
      () => request.destroy(),
      () => receiveHttp1(request, collected),
    );
  }

  async #sendHttp2({ httpMethod, path, headers, body }: RawRequest, timeoutMs: number): Promise<RawAnswer> {
    const session = this.#session ?? this.#connect();
    const stream = session.request(
      { ':method': httpMethod, ':path': path, ...headers },
      { endStream: httpMethod === 'GET' },
    );
    if (httpMethod === 'POST') stream.end(body);
    const collected = new Collected();
    const answer = await this.#untilEnd(
      { collected, timeoutMs },
      () => stream.destroy(),
      () => receiveHttp2(stream, collected),
    );
    if (answer.kind === 'lost') this[Symbol.dispose]();
    return answer;
  }

  #connect(): ClientHttp2Session {
    const session = connectHttp2(this.#url.origin, this.#tls);
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    session.on('error', forget);
    session.on('close', forget);
    session.on('goaway', forget);
    this.#session = session;
    return session;
  }

  async #untilEnd(
    { collected, timeoutMs }: Receiving,
    abort: () => void,
    receive: () => Promise<RawAnswer>,
  ): Promise<RawAnswer> {
    const timer = Promise.withResolvers<RawAnswer>();
    const timeout = setTimeout(() => {
      const { hasBegun, size } = collected;
      timer.resolve({ kind: 'no end', hasBegun, receivedBytes: size });
    }, timeoutMs);
    try {
      const lost = (error: unknown): RawAnswer => ({ kind: 'lost', reason: reasonOf(error) });
      return await Promise.race([receive().catch(lost), timer.promise]);
    } finally {
      clearTimeout(timeout);
      abort();
    }
  }
}

/** The body of an answer while it arrives. What exceeds the limit is counted, and dropped. */
class Collected {
  hasBegun = false;
  size = 0;
  readonly #chunks: Buffer[] = [];

  add(chunk: Buffer): void {
    if (this.size < MAX_BODY) this.#chunks.push(chunk);
    this.size += chunk.length;
  }

  get body(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  get isCut(): boolean {
    return this.size > MAX_BODY;
  }
}

async function receiveHttp1(request: ClientRequest, collected: Collected): Promise<RawAnswer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  collected.hasBegun = true;
  for await (const chunk of response) collected.add(chunk as Buffer);
  if (!response.complete) return { kind: 'lost', reason: 'the answer ended before its end' };
  const headers = toRecord(response.headers);
  const trailers = toRecord(response.trailers);
  const { body, isCut } = collected;
  return { kind: 'answer', status: response.statusCode ?? 0, headers, trailers, body, isCut };
}

async function receiveHttp2(stream: ClientHttp2Stream, collected: Collected): Promise<RawAnswer> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  stream.on('error', failed.reject);
  // A stream that is reset without an error closes, and nothing else happens.
  stream.on('close', () => failed.reject(new Error(`the stream was reset (${stream.rstCode})`)));
  let trailers = {};
  stream.on('trailers', (given) => {
    trailers = toRecord(given);
  });
  const [head] = (await Promise.race([once(stream, 'response'), failed.promise])) as [Record<string, unknown>];
  collected.hasBegun = true;
  stream.on('data', (chunk: Buffer) => collected.add(chunk));
  await Promise.race([once(stream, 'end'), failed.promise]);
  const { ':status': status, ...headers } = toRecord(head);
  if (stream.rstCode > 0) return { kind: 'lost', reason: `the stream was reset (${stream.rstCode})` };
  return { kind: 'answer', status: Number(status), headers, trailers, body: collected.body, isCut: collected.isCut };
}

function toRecord(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
