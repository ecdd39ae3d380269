// Pagination of every List RPC: a page token is the sort keys of the last row, opaque to the client.
import { isUuid, type Validation } from '../base/validation.ts';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;

/** A requested page: at most `size` rows after the row with these sort keys; undefined starts at the first row. */
export type Page = { readonly size: number; readonly after: readonly string[] | undefined };

/**
 * Reads `page_size` and `page_token`, and adds violations for them.
 *
 * @param keyCount how many sort keys a token must hold.
 */
export function parsePage(
  request: { readonly pageSize: number; readonly pageToken: string },
  keyCount: number,
  validation: Validation,
): Page {
  validation.range('page_size', request.pageSize, 0, MAX_PAGE_SIZE);
  const after = request.pageToken === '' ? undefined : decodeToken(request.pageToken, keyCount);
  if (after === null) validation.add('page_token', 'must be the next_page_token of the previous page, unchanged');
  return { size: request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize, after: after ?? undefined };
}

/**
 * Cuts rows fetched with a limit of `page.size + 1` to the page; the extra row only shows that there is a next page.
 *
 * @param keysOf returns the sort keys of a row as text.
 */
export function cutPage<Row>(
  rows: readonly Row[],
  page: Page,
  keysOf: (row: Row) => readonly string[],
): { rows: readonly Row[]; nextPageToken: string } {
  const kept = rows.slice(0, page.size);
  const last = kept.at(-1);
  const more = rows.length > page.size && last !== undefined;
  return { rows: kept, nextPageToken: more ? encodeToken(keysOf(last)) : '' };
}

/** Whether a token's key is an existing time as `toISOString` formats it: Postgres reads fewer formats than JavaScript does. */
export function isTimeKey(text: string): boolean {
  const time = new Date(text);
  const isTime = text.length === '2026-01-01T00:00:00.000Z'.length && !Number.isNaN(time.getTime());
  return isTime && time.toISOString() === text && time.getUTCFullYear() > 0;
}

/** Whether a token's keys are a time, as `isTimeKey` checks it, and a UUID. */
export function isTimeAndUuid([time = '', id = '']: readonly string[]): boolean {
  return isTimeKey(time) && isUuid(id);
}

function encodeToken(keys: readonly string[]): string {
  return Buffer.from(JSON.stringify(keys)).toString('base64url');
}

// Postgres text cannot hold a NUL character: such a key would be answered as an internal error instead of a bad token.
function isKey(key: unknown): key is string {
  return typeof key === 'string' && !key.includes('\u0000');
}

function decodeToken(token: string, keyCount: number): readonly string[] | null {
  try {
    const keys: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(keys) && keys.length === keyCount && keys.every(isKey) ? keys : null;
  } catch {
    return null; // Not one of our tokens: the caller adds the violation.
  }
}
