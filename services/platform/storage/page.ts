// Pages of lists: a token is the last row's sort keys, opaque to the client. One way for every List RPC.
import type { Validation } from '../base/validation.ts';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;

/** A page asked for: at most `size` rows after the row with these sort keys; no keys means from the start. */
export type Page = { readonly size: number; readonly after: readonly string[] | undefined };

/** Reads `page_size` and `page_token`; adds violations naming them. `keyCount` is how many sort keys a token must hold. */
export function parsePage(
  request: { readonly pageSize: number; readonly pageToken: string },
  keyCount: number,
  validation: Validation,
): Page {
  validation.range('page_size', request.pageSize, 0, MAX_PAGE_SIZE);
  const after = request.pageToken === '' ? undefined : decodeToken(request.pageToken, keyCount);
  if (after === null) validation.add('page_token', 'must be the next_page_token of the page before, unchanged');
  return { size: request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize, after: after ?? undefined };
}

/**
 * Cuts rows fetched with a limit of `page.size + 1` to the page; the extra row only tells that there is more.
 * `keysOf` gives the sort keys of a row as text.
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

/** Whether a token's key is a time as `toISOString` writes it, of a day there is: the database takes fewer spellings than JavaScript. */
export function isTimeKey(text: string): boolean {
  const time = new Date(text);
  const isTime = text.length === '2026-01-01T00:00:00.000Z'.length && !Number.isNaN(time.getTime());
  return isTime && time.toISOString() === text && time.getUTCFullYear() > 0;
}

/** Whether a token's keys are a time, as `isTimeKey` has it, and a UUID. */
export function isTimeAndUuid([time = '', id = '']: readonly string[]): boolean {
  return isTimeKey(time) && /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id);
}

function encodeToken(keys: readonly string[]): string {
  return Buffer.from(JSON.stringify(keys)).toString('base64url');
}

// No database takes a NUL character as text: such a key would be an internal error instead of the caller's.
function isKey(key: unknown): key is string {
  return typeof key === 'string' && !key.includes('\u0000');
}

function decodeToken(token: string, keyCount: number): readonly string[] | null {
  try {
    const keys: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(keys) && keys.length === keyCount && keys.every(isKey) ? keys : null;
  } catch {
    return null; // Not a token of ours: the caller reports it with the field's name.
  }
}
