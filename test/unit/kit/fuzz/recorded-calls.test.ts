// The calls of a recording: which values of a request come from an earlier answer, and which are new each time.
import { create } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BookSchema,
  file_library_v1_library,
  LibraryService,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { messagesOf } from '../../../../packages/kit/fuzz/calls/messages.ts';
import { clientValuesOf, FreshValues, isFreshHeader } from '../../../../packages/kit/fuzz/sequences/client-values.ts';
import { valuesOf, withValue } from '../../../../packages/kit/fuzz/sequences/message-values.ts';
import { examplesOf, readRecordedCalls } from '../../../../packages/kit/fuzz/sequences/recorded-calls.ts';
import type { RecordedExchange } from '../../../../packages/kit/recording/exchange.ts';
import { FieldRules } from '../../../../packages/kit/recording/field-rules.ts';
import { ValuesSchema } from '../matching/every-type.ts';
import { exchangeOf, registry } from '../recording/library-recording.ts';

const schema = { services: [LibraryService], files: [file_library_v1_library], registry };
const { methods } = LibraryService;

function read(exchanges: readonly RecordedExchange[], fresh: readonly string[] = []) {
  return readRecordedCalls({ exchanges, warnings: [] }, { methods, schema, fresh });
}

/** An exchange of another RPC, begun in this second. */
function callAt(second: number, method: string, request: object, response: object): RecordedExchange {
  const startedAt = `2026-01-02T03:04:0${second}.000Z`;
  return exchangeOf(request, response, { number: second + 1, rpc: `library.v1.LibraryService/${method}`, startedAt });
}

const linksOf = (exchanges: readonly RecordedExchange[]) =>
  read(exchanges).calls.map(({ links }) =>
    links.map(({ target, source }) => `${target.path} is ${source.place.path} of call ${source.call}`),
  );

describe('the calls of a recording', () => {
  it('are in the order in which they began, and take the values of earlier answers', () => {
    const lent = callAt(1, 'LendBook', { bookId: 'b1', memberId: 'm7' }, { loan: { memberId: 'm7' } });
    const found = callAt(0, 'ListBooks', { genre: 'GENRE_FICTION' }, { book: { bookId: 'b1' } });

    expect(linksOf([lent, found])).toEqual([[], ['book_id is book.book_id of call 1']]);
  });

  it('take no value from an answer that repeats one of the caller', () => {
    const got = callAt(0, 'GetBook', { bookId: 'b1' }, { book: { bookId: 'b1' } });
    const lent = callAt(1, 'LendBook', { bookId: 'b1' }, {});

    expect(linksOf([got, lent])).toEqual([[], []]);
  });

  it('are left out with a warning if they have no end or the service lacks the RPC', () => {
    const { calls, warnings } = read([
      { ...callAt(0, 'GetBook', {}, {}), brokenOff: 'the caller left' },
      callAt(1, 'BurnBook', {}, {}),
    ]);

    expect(calls).toEqual([]);
    expect(warnings).toEqual([
      'exchange 1, library.v1.LibraryService/GetBook, is left out: the caller left',
      'exchange 2 is left out: the service has no RPC library.v1.LibraryService/BurnBook',
    ]);
  });

  it('have a warning if redacted or unknown values are missing from a request', () => {
    const exchange = callAt(0, 'GetBook', {}, {});
    const request = { headers: {}, messages: [{ message: {}, redacted: ['bookId'], lost: ['#7: an unknown field'] }] };

    expect(read([{ ...exchange, request }]).warnings).toEqual([
      'exchange 1, library.v1.LibraryService/GetBook, may be refused: redacted values are missing: bookId',
      'exchange 1, library.v1.LibraryService/GetBook, lacks what was not recorded: #7: an unknown field',
    ]);
  });

  it('have the headers of their caller, without those of the protocol, the client and those that were redacted', () => {
    const ofClient = { 'content-type': 'application/grpc', 'user-agent': 'grpc-js', traceparent: '00-1-2-01' };
    const headers = { 'x-branch': 'north', ...ofClient, authorization: { redacted: true } } as const;
    const [call] = read([{ ...callAt(0, 'GetBook', {}, {}), request: { headers, messages: [{ message: {} }] } }]).calls;

    expect(call?.headers).toEqual({ 'x-branch': 'north' });
  });

  it.each([
    ['request', { bokId: 'b1' }, {}, 'exchange 1 (library.v1.LibraryService/GetBook): request.messages[0]: '],
    ['response', {}, { book: 7 }, 'exchange 1 (library.v1.LibraryService/GetBook): response.messages[0]: '],
  ])('are refused with the message that does not fit the schema: %s', (_, request, response, place) => {
    expect(() => read([callAt(0, 'GetBook', request, response)])).toThrow(place);
  });

  it('are refused with a field of 64 bits that has lost digits', () => {
    const got = callAt(0, 'GetBook', {}, { book: { catalogueNumber: 9_007_199_254_740_992 } });

    expect(() => read([got])).toThrow(
      'response.messages[0]: book.catalogueNumber: 9007199254740992 is rounded as a number: write it as a text',
    );
  });

  it('are examples for single calls if the service answered', () => {
    const error = { code: 'not_found', message: '', details: [] };
    const failed = callAt(1, 'GetBook', { bookId: 'none' }, {});
    const { calls } = read([
      callAt(0, 'GetBook', { bookId: 'b1' }, {}),
      { ...failed, response: { ...failed.response, error } },
    ]);

    expect(examplesOf(calls).get(LibraryService.method.getBook)).toMatchObject([{ bookId: 'b1' }]);
    expect(calls.map((call) => call.error)).toEqual([undefined, 'not_found']);
  });
});

describe('a value that the caller makes up', () => {
  const { input } = LibraryService.method.lendBook;
  const message = create(input, { bookId: 'b1', memberId: 'm7' } as never);

  it('is new in each sequence if its field is named, and the same within a sequence', () => {
    const rules = new FieldRules(['library.v1.LendBookRequest.member_id'], registry, 'fresh');
    const [found] = clientValuesOf(input, [message], rules);
    const fresh = new FreshValues();

    expect(found?.place.path).toBe('member_id');
    expect(fresh.of('m7')).toMatch(/^m7-[\da-f]{8}$/);
    expect(fresh.of('m7')).toBe(fresh.of('m7'));
    expect(new FreshValues().of('m7')).not.toBe(fresh.of('m7'));
  });

  it('is a UUID if it was one, and an integer if it was one', () => {
    const uuid = '123e4567-e89b-42d3-a456-426614174000';

    expect(new FreshValues().of(uuid)).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(typeof new FreshValues().of(7n)).toBe('bigint');
  });

  it.each([
    ['idempotency-key', true],
    ['x-request-id', true],
    ['x-branch', false],
  ])('in the header %s is new: %s', (name, expected) => {
    expect(isFreshHeader(name)).toBe(expected);
  });

  it('in a field that is not in the schema is an error', () => {
    expect(() => read([], ['library.v1.LendBookRequest.member'])).toThrow('fresh: "library.v1.LendBookRequest.member"');
  });
});

describe('the values of a message', () => {
  const book = create(BookSchema, {
    bookId: 'b1',
    copies: 3,
    catalogueNumber: 9_007_199_254_740_993n,
    authors: [{ name: 'Ada' }, { name: 'Bob' }],
    contributors: { 'the "editor"': { name: 'Eve' } },
    place: { case: 'loan', value: { memberId: 'm7' } },
    publisher: 'Faber',
    rating: 4,
  });

  it('are its texts and integers, in lists, maps, oneofs and wrappers too', () => {
    expect(valuesOf(BookSchema, book).map(({ path, value }) => [path, value])).toEqual([
      ['book_id', 'b1'],
      ['copies', 3n],
      ['catalogue_number', 9_007_199_254_740_993n],
      ['authors[0].name', 'Ada'],
      ['authors[1].name', 'Bob'],
      ['contributors["the \\"editor\\""].name', 'Eve'],
      ['loan.member_id', 'm7'],
      ['publisher', 'Faber'],
    ]);
  });

  it('can each be replaced in a copy', () => {
    for (const place of valuesOf(BookSchema, book)) {
      const value = typeof place.value === 'bigint' ? 5n : 'other';
      const changed = valuesOf(BookSchema, withValue(BookSchema, book, place, value));
      expect(changed.find(({ path }) => path === place.path)?.value).toBe(value);
      expect(changed.filter(({ path }) => path !== place.path)).toHaveLength(7);
    }
    expect(book.place.value).toMatchObject({ memberId: 'm7' });
  });

  it('stay as they are where the field cannot have the new one', () => {
    const copies = valuesOf(BookSchema, book).find(({ path }) => path === 'copies');

    for (const value of ['three', 2n ** 31n]) {
      expect(copies && withValue(BookSchema, book, copies, value)).toMatchObject({ copies: 3 });
    }
  });

  it('of every type, in lists, maps and wrappers, can be replaced', () => {
    const hints = { of: () => ({}), ofElement: () => undefined };
    const messages = fc.sample(messagesOf(ValuesSchema, { values: 'any', hints }), { seed: 3, numRuns: 12 });
    const replaced = messages.flatMap((message) =>
      valuesOf(ValuesSchema, message).map((place) => {
        const value = typeof place.value === 'bigint' ? 5n : 'other';
        const changed = valuesOf(ValuesSchema, withValue(ValuesSchema, message, place, value));
        return [place.path, changed.find(({ path }) => path === place.path)?.value === value] as const;
      }),
    );

    expect(replaced.filter(([, isReplaced]) => !isReplaced)).toEqual([]);
    expect(new Set(replaced.map(([path]) => path.replace(/\[.*/, ''))).size).toBeGreaterThan(20);
  });
});
