// Pagination of every List RPC, after AIP-158: a page token is the sort keys of the last row with a digest of the list and its filter,
// opaque to the client.
import { createHash } from 'node:crypto';
import { isUuid, type Validation } from '../base/validation.ts';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;
// Enough to tell filters apart; a forged token shows no row that the request itself would not.
const DIGEST_LENGTH = 12;

/** A requested page: at most `size` rows after the row with these sort keys; undefined starts at the first row. */
export type Page = { readonly size: number; readonly after: readonly string[] | undefined };

/** A page as it was requested, and the digest that its token must have. */
export type RequestedPage = Page & { readonly digest: string };

export type PagedList = {
  /** The name of the list, then what it is filtered by: a token of another list or of another filter is refused. */
  readonly filter: readonly (string | number)[];
  /** How many sort keys a token must hold. */
  readonly keyCount: number;
  /** Whether the database can read the keys; by default any text is one. */
  readonly areKeys?: (keys: readonly string[]) => boolean;
};

/** Reads `page_size` and `page_token`, and adds a violation for a wrong token. A page larger than the largest is the largest. */
export function parsePage(
  request: { readonly pageSize: number; readonly pageToken: string },
  { filter, keyCount, areKeys = () => true }: PagedList,
  validation: Validation,
): RequestedPage {
  const digest = digestOf(filter);
  const size = request.pageSize === 0 ? DEFAULT_PAGE_SIZE : Math.min(request.pageSize, MAX_PAGE_SIZE);
  if (request.pageToken === '') return { size, after: undefined, digest };
  const token = decodeToken(request.pageToken, keyCount);
  if (token === undefined || !areKeys(token.keys)) {
    validation.add('page_token', 'must be the next_page_token of the previous page, unchanged');
  } else if (token.digest !== digest) {
    validation.add('page_token', 'is of another list or of another filter');
  }
  return { size, after: token?.keys, digest };
}

/**
 * Cuts rows fetched with a limit of `page.size + 1` to the page; the extra row only shows that there is a next page.
 *
 * @param keysOf returns the sort keys of a row as text.
 */
export function cutPage<Row>(
  rows: readonly Row[],
  page: RequestedPage,
  keysOf: (row: Row) => readonly string[],
): { rows: readonly Row[]; nextPageToken: string } {
  const kept = rows.slice(0, page.size);
  const last = kept.at(-1);
  const more = rows.length > page.size && last !== undefined;
  return { rows: kept, nextPageToken: more ? encodeToken(keysOf(last), page.digest) : '' };
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

/** Whether the first of a token's keys is a time, as `isTimeKey` checks it. */
export function isTimeAndText([time = '']: readonly string[]): boolean {
  return isTimeKey(time);
}

function digestOf(filter: PagedList['filter']): string {
  return createHash('sha256').update(JSON.stringify(filter)).digest('base64url').slice(0, DIGEST_LENGTH);
}

function encodeToken(keys: readonly string[], digest: string): string {
  return Buffer.from(JSON.stringify([digest, ...keys])).toString('base64url');
}

// Postgres text cannot hold a NUL character: such a key would be answered as an internal error instead of a bad token.
function isKey(key: unknown): key is string {
  return typeof key === 'string' && !key.includes('\u0000');
}

function decodeToken(token: string, keyCount: number): { digest: string; keys: readonly string[] } | undefined {
  try {
    const content: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (!Array.isArray(content) || content.length !== keyCount + 1 || !content.every(isKey)) return undefined;
    const [digest = '', ...keys] = content;
    return { digest, keys };
  } catch {
    return undefined; // Not one of our tokens: the caller adds the violation.
  }
}
