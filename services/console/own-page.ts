// Whether a request was made by the console's own page, by another page, or by no page at all.
import type { IncomingMessage } from 'node:http';

/**
 * Refuses requests of other pages. The page of another port of this host is another page, though cookies are sent to both: the browser's
 * `Sec-Fetch-Site` tells, and where a browser sends none, `Origin` does. A program that is no browser sends neither.
 */
export function isOfForeignPage(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin } = request.headers;
  if (origin === undefined) return false;
  const host = (request as { authority?: string }).authority ?? request.headers.host;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
