// A small HTTP request for health checks, over TLS with an authority of our own if need be: `fetch` cannot be given one.
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';

export type ProbeOptions = {
  /** Sent as JSON by POST; GET without. */
  readonly body?: string;
  /** PEM. */
  readonly authority?: string | undefined;
  readonly timeoutMs: number;
};

/** Sends the request and returns status and body. Throws when there is no answer in time. */
export async function probe(
  url: string,
  { body, authority, timeoutMs }: ProbeOptions,
): Promise<{ readonly status: number; readonly text: string }> {
  const send = url.startsWith('https:') ? https.request : http.request;
  const answered = Promise.withResolvers<http.IncomingMessage>();
  const request = send(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
    ...(authority === undefined ? {} : { ca: authority }),
  });
  request.once('response', answered.resolve).once('error', answered.reject).end(body);
  const response = await answered.promise;
  return { status: response.statusCode ?? 0, text: await text(response) };
}
