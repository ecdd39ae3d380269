// Page tokens with any keys, as a client could forge them.
import { createValidation } from '#services/platform/base/validation.ts';
import { cutPage, type PagedList, parsePage } from '#services/platform/storage/page.ts';

/** A token of a list, with these sort keys. */
export function pageTokenOf(filter: PagedList['filter'], ...keys: readonly string[]): string {
  const list = { filter, keyCount: keys.length };
  const page = parsePage({ pageSize: 1, pageToken: '' }, list, createValidation());
  return cutPage([1, 2], page, () => keys).nextPageToken;
}
