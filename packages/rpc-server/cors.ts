// CORS: answers preflights of allowed origins and sets the headers that let their scripts read answers.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { cors } from '@connectrpc/connect';
import type { ResolvedOptions } from './options.ts';

type CorsOptions = Pick<ResolvedOptions, 'corsAllowedHeaders' | 'corsExposedHeaders'> & {
  readonly corsOrigins?: readonly string[] | undefined;
};

/**
 * Sets the CORS headers of an answer, and ends it when the request is a preflight.
 * Returns whether the request has been answered.
 */
export type CorsGate = (request: IncomingMessage, response: ServerResponse) => boolean;

// How long a browser may remember a preflight; Chromium caps it at two hours.
const PREFLIGHT_MAX_AGE_SECONDS = 7200;
const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

/**
 * Returns the gate for these options.
 *
 * @throws TypeError naming an entry of `corsOrigins` that is not an origin.
 */
export function createCorsGate(options: CorsOptions): CorsGate {
  const isAllowed = createOriginCheck(options.corsOrigins);
  const allowedMethods = cors.allowedMethods.join(', ');
  const allowedHeaders = [...cors.allowedHeaders, ...options.corsAllowedHeaders].join(', ');
  const exposedHeaders = [...cors.exposedHeaders, ...options.corsExposedHeaders].join(', ');

  return (request, response) => {
    const origin = request.headers.origin;
    const isPreflight =
      request.method === 'OPTIONS' &&
      origin !== undefined &&
      request.headers['access-control-request-method'] !== undefined;
    // Also for refused origins and for requests without one: a cache must not serve the answer for one origin to another.
    response.setHeader(
      'vary',
      isPreflight ? 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers' : 'Origin',
    );
    const isGranted = origin !== undefined && isAllowed(origin);
    if (isGranted) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-expose-headers', exposedHeaders);
    }
    if (!isPreflight) return false;
    if (isGranted) {
      response.setHeader('access-control-allow-methods', allowedMethods);
      response.setHeader('access-control-allow-headers', allowedHeaders);
      response.setHeader('access-control-max-age', PREFLIGHT_MAX_AGE_SECONDS);
    }
    response.writeHead(isGranted ? 204 : 403);
    response.end();
    return true;
  };
}

function createOriginCheck(origins: readonly string[] | undefined): (origin: string) => boolean {
  if (origins === undefined) return (origin) => LOOPBACK_ORIGIN.test(origin);
  if (origins.includes('*')) return () => true;
  for (const origin of origins) assertOrigin(origin);
  const allowed = new Set(origins);
  return (origin) => allowed.has(origin);
}

// A trailing slash or a path would make an entry that no browser's Origin header ever equals.
function assertOrigin(origin: string): void {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return;
  throw new TypeError(
    `corsOrigins: "${origin}" is not an origin such as https://shop.example or http://localhost:3000`,
  );
}
