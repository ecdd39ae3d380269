// CORS: answers preflights of allowed origins, sets the headers that let their scripts read answers, and refuses other origins.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Code, cors } from '@connectrpc/connect';
import { createOriginCheck } from './limits/request-origin.ts';
import type { ResolvedOptions } from './options.ts';
import { answerRefusal } from './refusal.ts';

type CorsOptions = Pick<ResolvedOptions, 'corsAllowedHeaders' | 'corsExposedHeaders' | 'onLimit'> & {
  readonly corsOrigins?: readonly string[] | undefined;
  readonly corsCredentials?: boolean;
};

/**
 * Sets the CORS headers of an answer, and ends it when the request is a preflight or of an origin that may not call.
 * Returns whether the request has been answered.
 */
export type CorsGate = (request: IncomingMessage, response: ServerResponse) => boolean;

// How long a browser may remember a preflight; Chromium caps it at two hours.
const PREFLIGHT_MAX_AGE_SECONDS = 7200;

const EXPOSED = 'access-control-expose-headers';
const ANY = '*';

/** Exposes the headers of an answer by name, if all are exposed: to a call with credentials, `*` is only a name. */
export function exposeByName(response: ServerResponse, header: OutgoingHttpHeaders): void {
  if (response.getHeader(EXPOSED) === ANY) response.setHeader(EXPOSED, Object.keys(header).join(', '));
}

/**
 * Returns the gate for these options.
 *
 * @throws TypeError naming an entry of `corsOrigins` that is not an origin, or `corsCredentials` for any origin.
 */
export function createCorsGate(options: CorsOptions): CorsGate {
  for (const origin of options.corsOrigins ?? []) assertOrigin(origin);
  if (options.corsCredentials && options.corsOrigins?.includes('*')) {
    throw new TypeError('corsCredentials: must not be combined with the origin "*", or every web page could use them');
  }
  const isAllowed = createOriginCheck(options.corsOrigins);
  const allowedMethods = cors.allowedMethods.join(', ');
  const allowedHeaders = [...cors.allowedHeaders, ...options.corsAllowedHeaders].join(', ');
  const exposesAll = options.corsExposedHeaders.includes(ANY);
  const exposedHeaders = exposesAll ? ANY : [...cors.exposedHeaders, ...options.corsExposedHeaders].join(', ');

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
      response.setHeader(EXPOSED, exposedHeaders);
      if (options.corsCredentials) response.setHeader('access-control-allow-credentials', 'true');
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
      const asked = options.corsAllowedHeaders.includes(ANY) && request.headers['access-control-request-headers'];
      response.setHeader('access-control-allow-headers', asked || allowedHeaders);
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
