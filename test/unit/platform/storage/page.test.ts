import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createValidation } from '#services/platform/base/validation.ts';
import { cutPage, isTimeAndUuid, isTimeKey, parsePage, type RequestedPage } from '#services/platform/storage/page.ts';

/** Parses a request that must be right. */
function pageOf(pageSize: number, pageToken = '', keyCount = 2, filter: readonly string[] = ['things']): RequestedPage {
  const validation = createValidation();
  const page = parsePage({ pageSize, pageToken }, { filter, keyCount }, validation);
  validation.throwIfInvalid();
  return page;
}

const token = (content: unknown) => Buffer.from(JSON.stringify(content)).toString('base64url');

describe('the size of a page', () => {
  it.each([
    [0, 50],
    [1, 1],
    [200, 200],
    [201, 200],
    [2_147_483_647, 200],
  ])('asked for as %d is %d', (asked, size) => {
    expect(pageOf(asked)).toMatchObject({ size, after: undefined });
  });
});

describe('a token', () => {
  it('leads to the rows after the last one of its page', () => {
    const { nextPageToken } = cutPage(['a', 'b', 'c'], pageOf(2), (row) => [row, `id-${row}`]);

    expect(pageOf(2, nextPageToken).after).toEqual(['b', 'id-b']);
  });

  it.each([
    { what: 'another list', filter: ['others', 'cust123'] },
    { what: 'another filter', filter: ['things', 'cust124'] },
    { what: 'no filter', filter: ['things', ''] },
    { what: 'the same texts at other places', filter: ['things', '', 'cust123'] },
    ...['', ' ', ',', '/', ':', '\u0000'].map((separator) => ({
      what: `the same texts in one, joined by ${JSON.stringify(separator)},`,
      filter: [`things${separator}cust123`],
    })),
  ])('is refused with $what', ({ filter }) => {
    const own = ['things', 'cust123'];
    const { nextPageToken } = cutPage([1, 2], pageOf(1, '', 1, own), (row) => [String(row)]);

    expect(pageOf(1, nextPageToken, 1, own).after).toEqual(['1']);
    expect(() => pageOf(1, nextPageToken, 1, filter)).toThrow('page_token: is of another list or of another filter');
  });

  it('is refused when the database cannot read its keys', () => {
    const validation = createValidation();
    const list = { filter: ['things'], keyCount: 1, areKeys: ([key = '']: readonly string[]) => key === 'a' };
    const { nextPageToken } = cutPage([1, 2], pageOf(1, '', 1), () => ['b']);

    parsePage({ pageSize: 1, pageToken: nextPageToken }, list, validation);

    expect(validation.throwIfInvalid).toThrow(
      'page_token: must be the next_page_token of the previous page, unchanged',
    );
  });

  it('brings any sort keys back unchanged', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string().filter((key) => !key.includes('\u0000')),
          { minLength: 1, maxLength: 4 },
        ),
        (keys) => {
          const { nextPageToken } = cutPage([0, 1], pageOf(1), () => keys);
          expect(pageOf(1, nextPageToken, keys.length).after).toEqual(keys);
        },
      ),
    );
  });

  it.each([
    ['no base64', '%%%'],
    ['no JSON', Buffer.from('{').toString('base64url')],
    ['no list', token({ 0: 'a', 1: 'b' })],
    ['too few keys', token(['digest', 'a'])],
    ['too many keys', token(['digest', 'a', 'b', 'c'])],
    ['keys that are no text', token(['digest', 1, 2])],
    ['null', token(null)],
    ['a key no database takes', token(['digest', 'a', 'b\u0000'])],
  ])('with %s is refused, naming page_token', (_, pageToken) => {
    expect(() => pageOf(10, pageToken)).toThrow(
      'page_token: must be the next_page_token of the previous page, unchanged',
    );
  });
});

describe('a cut', () => {
  const keysOf = (row: number) => [String(row)];

  it('keeps the rows asked for and gives a token when there was one more', () => {
    const { rows, nextPageToken } = cutPage([1, 2, 3], pageOf(2), keysOf);

    expect(rows).toEqual([1, 2]);
    expect(nextPageToken).not.toBe('');
  });

  it.each([
    { name: 'exactly full', rows: [1, 2] },
    { name: 'not full', rows: [1] },
    { name: 'empty', rows: [] },
  ])('of a page that is $name gives no token', ({ rows }) => {
    expect(cutPage(rows, pageOf(2), keysOf)).toEqual({ rows, nextPageToken: '' });
  });

  it('walks any list to its end, each row once', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.integer({ min: 1, max: 20 }), (length, size) => {
        const list = Array.from({ length }, (_, index) => index);
        const seen: number[] = [];
        let pageToken = '';
        do {
          const page = pageOf(size, pageToken, 1);
          const from = page.after === undefined ? 0 : Number(page.after[0]) + 1;
          const { rows, nextPageToken } = cutPage(list.slice(from, from + size + 1), page, keysOf);
          seen.push(...rows);
          pageToken = nextPageToken;
        } while (pageToken !== '');
        expect(seen).toEqual(list);
      }),
    );
  });
});

describe('the time in a token', () => {
  it('is one as tokens of ours hold it', () => {
    expect(isTimeKey('2026-03-01T12:00:00.250Z')).toBe(true);
    expect(isTimeAndUuid(['2026-03-01T12:00:00.250Z', '6f1c9f0e-8a53-4f5e-9d7e-0d6f7f0c1a11'])).toBe(true);
  });

  it.each([
    '',
    'yesterday',
    '2026-03-01',
    '2026-03-01T12:00:00Z',
    '2026-02-31T00:00:00.000Z',
    '0000-01-01T00:00:00.000Z',
    '+010000-01-01T00:00:00.000Z',
    '-000001-01-01T00:00:00.000Z',
    '2026-03-01T12:00:00.250+01:00',
  ])('is not "%s", which the database may not read', (text) => {
    expect(isTimeKey(text)).toBe(false);
    expect(isTimeAndUuid([text, '6f1c9f0e-8a53-4f5e-9d7e-0d6f7f0c1a11'])).toBe(false);
  });

  it('does not go with an id that is none', () => {
    expect(isTimeAndUuid(['2026-03-01T12:00:00.250Z', 'run-1'])).toBe(false);
  });
});
