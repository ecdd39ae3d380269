// CORS: answers preflights of allowed origins, sets the headers that let their scripts read answers, and refuses other origins.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Code, cors } from '@connectrpc/connect';
import { createOriginCheck } from './limits/request-origin.ts';
import type { ResolvedOptions } from './options.ts';
import { answerRefusal } from './refusal.ts';

type CorsOptions = Pick<ResolvedOptions, 'corsAllowedHeaders' | 'corsExposedHeaders' | 'onLimit'> & {
  readonly corsOrigins?: readonly string[] | undefined;
};

/**
 * Sets the CORS headers of an answer, and ends it when the request is a preflight or of an origin that may not call.
 * Returns whether the request has been answered.
 */
export type CorsGate = (request: IncomingMessage, response: ServerResponse) => boolean;

// How long a browser may remember a preflight; Chromium caps it at two hours.
const PREFLIGHT_MAX_AGE_SECONDS = 7200;

/**
 * Returns the gate for these options.
 *
 * @throws TypeError naming an entry of `corsOrigins` that is not an origin.
 */
export function createCorsGate(options: CorsOptions): CorsGate {
  for (const origin of options.corsOrigins ?? []) assertOrigin(origin);
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
    if (!isPreflight && (isGranted || origin === undefined)) return false;
    if (!isPreflight) {
      // A script need not be able to read an answer to do harm by the call.
      options.onLimit('origin');
      const message = 'scripts of this origin may not call';
      answerRefusal({ code: Code.PermissionDenied, httpStatus: 403, message }, request, response);
      return true;
    }
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

// A trailing slash or a path would make an entry that no browser's Origin header ever equals.
function assertOrigin(origin: string): void {
  if (origin === '*' || (URL.canParse(origin) && new URL(origin).origin === origin)) return;
  throw new TypeError(
    `corsOrigins: "${origin}" is not an origin such as https://shop.example or http://localhost:3000`,
  );
}
