// A virtual service in memory behind network mocks: handlers for msw, and a route for Playwright.

import type { InMemoryService } from './in-memory-service.ts';

/** The part of msw that makes handlers: `import { http } from 'msw'`. */
export type MswHttp<Handler> = {
  all(path: RegExp, resolver: (info: { readonly request: Request }) => Promise<Response> | undefined): Handler;
};

/** The part of a route of Playwright that is used. */
export type PlaywrightRoute = {
  request(): {
    method(): string;
    url(): string;
    allHeaders(): Promise<Record<string, string>>;
    postDataBuffer(): Buffer | null;
  };
  fulfill(response: { status: number; headers: Record<string, string>; body: Buffer }): Promise<void>;
  fallback(): Promise<void>;
};

/**
 * Returns handlers for `setupServer` of msw: one for each service, for every host. They run in Node, where the kit runs, and get the calls
 * of clients that use fetch.
 *
 * @param http msw's `http`.
 */
export function createMswHandlers<Handler>(service: InMemoryService, http: MswHttp<Handler>): Handler[] {
  return service.services.map(({ typeName }) =>
    http.all(new RegExp(`/${typeName.replaceAll('.', '\\.')}/\\w+$`), ({ request }) => service.handle(request)),
  );
}

/**
 * Returns a handler for `page.route('**', handler)` of Playwright. Requests for other paths are left to other routes. A stream of
 * responses reaches the page when it has ended.
 */
export function createPlaywrightHandler(service: InMemoryService): (route: PlaywrightRoute) => Promise<void> {
  return async (route) => {
    const given = route.request();
    const headers = await given.allHeaders();
    const body = given.postDataBuffer();
    const fields = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
    const answer = service.handle(
      new Request(given.url(), {
        method: given.method(),
        headers: fields,
        ...(body && { body: Uint8Array.from(body) }),
      }),
    );
    if (!answer) {
      await route.fallback();
      return;
    }
    const response = await answer;
    await route.fulfill({
      status: response.status,
      headers: { ...Object.fromEntries(response.headers), ...corsHeaders(headers, response.headers) },
      body: Buffer.from(await response.arrayBuffer()),
    });
  };
}

// The page may be of another origin than the service: Playwright answers preflights, but the response has to allow the page to read it.
function corsHeaders({ origin }: Record<string, string>, response: Headers): Record<string, string> {
  if (origin === undefined) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': [...response.keys()].join(', '),
  };
}
