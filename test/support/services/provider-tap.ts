// A proxy between payment and the fake provider: records the requests, payment methods included, and can answer like a
// provider that quotes them.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type ProviderTap = AsyncDisposable & {
  /** For PAYMENT_PROVIDER_URL. */
  readonly url: string;
  /** Every request body of payment. */
  readonly requests: readonly string[];
  /** The provider's URL; set it before the first charge. Every forwarded request has `pm_approved`. */
  provider: string;
  /** Responses to the next charge with each of these payment methods, instead of the provider's. */
  readonly answers: Map<string, { readonly status: number; readonly body: unknown }>;
};

/** Opens a tap on a free port. */
export async function openProviderTap(): Promise<ProviderTap> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (body !== '') requests.push(body);
    const method = /"payment_method":"([^"]*)"/.exec(body)?.[1] ?? '';
    const own = tap.answers.get(method);
    tap.answers.delete(method);
    if (own !== undefined) {
      response.writeHead(own.status, { 'content-type': 'application/json' }).end(JSON.stringify(own.body));
      return;
    }
    const answer = await fetch(`${tap.provider}${request.url}`, {
      method: request.method ?? 'GET',
      headers: { 'content-type': 'application/json', 'idempotency-key': String(request.headers['idempotency-key']) },
      ...(body === '' ? {} : { body: body.replace(`"payment_method":"${method}"`, '"payment_method":"pm_approved"') }),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const tap: ProviderTap = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    provider: '',
    answers: new Map(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return tap;
}
