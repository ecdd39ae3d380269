// A message matches a literal as proto3 means it: defaults, presence, cases, numbers, lists and maps; never by bytes.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  AuthorSchema,
  Genre,
  GetBookResponseSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
import { matchMessage } from '../../../../packages/kit/matching/match-message.ts';
import { ValuesSchema } from './every-type.ts';
import { BookSchema, differencesOf, RefusalSchema, registry } from './library-books.ts';

describe('a field without presence', () => {
  it('that was omitted has its default', () => {
    const defaults = {
      title: '',
      copies: 0,
      catalogueNumber: 0n,
      lendable: false,
      rating: 0,
      genre: Genre.UNSPECIFIED,
      cover: new Uint8Array(),
    };

    expect(differencesOf(defaults, {})).toEqual([]);
  });

  it('that has its default differs from any other value', () => {
    expect(differencesOf({ copies: 3, title: 'Emma' }, {})).toEqual(['copies: 3 / 0', 'title: "Emma" / ""']);
  });

  it('is compared by value, enum values shown by name', () => {
    expect(differencesOf({ genre: Genre.FICTION }, { genre: Genre.SCIENCE })).toEqual([
      'genre: GENRE_FICTION / GENRE_SCIENCE',
    ]);
    expect(differencesOf({ lendable: true, copies: 2 }, { lendable: true, copies: 2 })).toEqual([]);
  });
});

describe('a field with presence', () => {
  it('that is optional is not set when it is omitted, not even to its default', () => {
    expect(differencesOf({ subtitle: '' }, {})).toEqual(['subtitle: "" / nothing']);
    expect(differencesOf({ subtitle: '' }, { subtitle: '' })).toEqual([]);
  });

  it('that is a message is not its defaults when it is omitted', () => {
    const literal = { book: { title: '' } };
    const pattern = compilePattern(GetBookResponseSchema, literal);

    const without = matchMessage(GetBookResponseSchema, pattern, create(GetBookResponseSchema), { isClosed: false });
    const withBook = create(GetBookResponseSchema, { book: {} });

    expect(without).toEqual([{ path: 'book', expected: 'a library.v1.Book', actual: 'nothing' }]);
    expect(matchMessage(GetBookResponseSchema, pattern, withBook, { isClosed: false })).toEqual([]);
  });

  it('that is a wrapper tells the empty text from none', () => {
    expect(differencesOf({ publisher: '' }, {})).toEqual(['publisher: "" / nothing']);
    expect(differencesOf({ publisher: '' }, { publisher: '' })).toEqual([]);
    expect(differencesOf({ publisher: 'Faber' }, { publisher: 'Reclam' })).toEqual(['publisher: "Faber" / "Reclam"']);
  });
});

describe('a number', () => {
  it('of 64 bits is compared to its last digit', () => {
    const large = 9_007_199_254_740_993n;

    expect(differencesOf({ catalogueNumber: large }, { catalogueNumber: large })).toEqual([]);
    expect(differencesOf({ catalogueNumber: large }, { catalogueNumber: large - 1n })).toHaveLength(1);
  });

  it('of 32 floating bits equals the literal it was written from', () => {
    expect(differencesOf({ rating: 4.1 }, { rating: 4.1 })).toEqual([]);
    expect(differencesOf({ rating: 4.1 }, { rating: 4.2 })).toHaveLength(1);
  });

  it('that is none equals itself', () => {
    expect(
      differencesOf({ weight: Number.NaN, rating: Number.NaN }, { weight: Number.NaN, rating: Number.NaN }),
    ).toEqual([]);
    expect(differencesOf({ weight: Number.NaN }, { weight: 1 })).toEqual(['weight: "NaN" / 1']);
  });
});

describe('bytes', () => {
  it('are compared one by one, in whatever array they are', () => {
    expect(differencesOf({ cover: Buffer.from([1, 2]) }, { cover: Uint8Array.of(1, 2) })).toEqual([]);
    expect(differencesOf({ cover: Uint8Array.of(1, 2) }, { cover: Uint8Array.of(1, 3) })).toEqual([
      'cover: 0x0102 / 0x0103',
    ]);
  });

  it('are not their beginning', () => {
    const [short, long] = [Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3)];

    expect(differencesOf({ cover: short }, { cover: long })).toEqual(['cover: 0x0102 / 0x010203']);
    expect(differencesOf({ cover: long }, { cover: short })).toEqual(['cover: 0x010203 / 0x0102']);
    expect(differencesOf({ cover: new Uint8Array() }, { cover: short })).toEqual(['cover: 0x / 0x0102']);
    expect(differencesOf({ cover: short }, {})).toEqual(['cover: 0x0102 / 0x']);
  });
});

describe('a oneof', () => {
  it('is compared by its case, and then by the value of it', () => {
    const onShelf = { place: { case: 'shelf' as const, value: 'A1' } };

    expect(differencesOf(onShelf, onShelf)).toEqual([]);
    expect(differencesOf(onShelf, { place: { case: 'shelf', value: 'B2' } })).toEqual(['shelf: "A1" / "B2"']);
    expect(differencesOf(onShelf, { place: { case: 'loan', value: {} } })).toEqual([
      'place: the case shelf / the case loan',
    ]);
    expect(differencesOf(onShelf, {})).toEqual(['place: the case shelf / nothing']);
  });

  it('that is to have no case has none', () => {
    const nowhere = { place: { case: undefined } };

    expect(differencesOf(nowhere, {})).toEqual([]);
    expect(differencesOf(nowhere, { place: { case: 'shelf', value: 'A1' } })).toEqual(['shelf: nothing / "A1"']);
  });

  it('has an empty case that is not the same as none', () => {
    expect(differencesOf({ place: { case: 'shelf', value: '' } }, { place: { case: 'shelf', value: '' } })).toEqual([]);
    expect(differencesOf({ place: { case: 'shelf', value: '' } }, {})).toEqual(['place: the case shelf / nothing']);
  });

  it('of another case differs once, also where a consumer sends it', () => {
    const onShelf = { place: { case: 'shelf' as const, value: 'A1' } };
    const onLoan = { place: { case: 'loan' as const, value: { memberId: 'm1' } } };

    expect(differencesOf(onShelf, onLoan, { isClosed: true })).toEqual(['place: the case shelf / the case loan']);
    expect(differencesOf(onLoan, onShelf, { isClosed: true })).toEqual(['place: the case loan / the case shelf']);
    expect(differencesOf({}, onShelf, { isClosed: true })).toEqual(['shelf: nothing / "A1"']);
  });

  it('is compared in each element of a list', () => {
    const [text, number] = [{ content: { case: 'text', value: 'a' } }, { content: { case: 'number', value: 1 } }];
    const pattern = compilePattern(ValuesSchema, { parts: [text, number, number, { content: { case: undefined } }] });
    const received = create(ValuesSchema, { parts: [number, number, {}, text] });
    const expected = ['parts[0].content', 'parts[2].content', 'parts[3].text'];

    for (const isClosed of [false, true]) {
      expect(matchMessage(ValuesSchema, pattern, received, { isClosed }).map(({ path }) => path)).toEqual(expected);
    }
  });
});

describe('a list', () => {
  it('is compared element by element and in order', () => {
    const literal = { authors: [{ name: 'Ada' }, { name: 'Bea' }], keywords: ['x', 'y'] };

    expect(differencesOf(literal, literal)).toEqual([]);
    expect(differencesOf(literal, { authors: [{ name: 'Ada' }, { name: 'Eve' }], keywords: ['y', 'x'] })).toEqual([
      'authors[1].name: "Bea" / "Eve"',
      'keywords[0]: "x" / "y"',
      'keywords[1]: "y" / "x"',
    ]);
  });

  it('of another length differs in its length and in the elements both have', () => {
    expect(differencesOf({ keywords: ['x', 'y'] }, { keywords: ['z'] })).toEqual([
      'keywords: 2 elements / 1 element',
      'keywords[0]: "x" / "z"',
    ]);
    expect(differencesOf({ keywords: [] }, { keywords: ['z'] })).toEqual(['keywords: 0 elements / 1 element']);
  });
});

describe('a map', () => {
  it('has the entries mentioned, and may have others', () => {
    const literal = { copiesByBranch: { main: 2 }, contributors: { editor: { name: 'Ada' } } };
    const more = { copiesByBranch: { main: 2, west: 1 }, contributors: { editor: { name: 'Ada', born: 1815 } } };

    expect(differencesOf(literal, more)).toEqual([]);
    expect(differencesOf(literal, { copiesByBranch: { main: 3 } })).toEqual([
      'copiesByBranch["main"]: 2 / 3',
      'contributors["editor"]: a library.v1.Author / nothing',
    ]);
  });

  it('has no other entries where a consumer sends it', () => {
    const sent = { copiesByBranch: { main: 2, west: 1 } };

    expect(differencesOf({ copiesByBranch: { main: 2 } }, sent, { isClosed: true })).toEqual([
      'copiesByBranch["west"]: nothing / an entry',
    ]);
  });
});

describe('a message with a meaning of its own', () => {
  it('is compared as a whole and shown as JSON shows it', () => {
    const at = (time: string) => timestampFromDate(new Date(time));
    const literal = {
      acquireTime: at('2024-01-02T03:04:05Z'),
      loanPeriod: { seconds: 60n },
      remarks: { a: [1, null] },
    };

    expect(differencesOf(literal, literal)).toEqual([]);
    expect(
      differencesOf(literal, {
        acquireTime: at('2024-01-02T03:04:06Z'),
        loanPeriod: { seconds: 61n },
        remarks: { a: [2] },
      }),
    ).toEqual([
      'acquireTime: "2024-01-02T03:04:05Z" / "2024-01-02T03:04:06Z"',
      'loanPeriod: "60s" / "61s"',
      'remarks: {"a":[1,null]} / {"a":[2]}',
    ]);
  });

  it('that is packed is compared by what is in it, not by its bytes', () => {
    const canonical = anyPack(AuthorSchema, create(AuthorSchema, { name: 'Ada', born: 1815 }));
    // The same two fields, the second one first.
    const [name, born] = [{ name: 'Ada' }, { born: 1815 }].map((part) =>
      toBinary(AuthorSchema, create(AuthorSchema, part)),
    );
    const shuffled = { typeUrl: canonical.typeUrl, value: Buffer.concat([born ?? [], name ?? []] as Uint8Array[]) };

    expect(Buffer.from(shuffled.value).equals(canonical.value)).toBe(false);
    expect(differencesOf({ attachment: canonical }, { attachment: shuffled })).toEqual([]);
    expect(
      differencesOf({ attachment: canonical }, { attachment: anyPack(RefusalSchema, create(RefusalSchema)) }),
    ).toHaveLength(1);
  });
});

describe('a packed message of a type that is not known', () => {
  const parcel = (typeName: string, ...bytes: number[]) => ({
    attachment: { typeUrl: `type.googleapis.com/${typeName}`, value: Uint8Array.from(bytes) },
  });

  it('is compared by its type and its bytes', () => {
    const expected = parcel('shop.v1.Cart', 8, 1);

    expect(differencesOf(expected, expected)).toEqual([]);
    for (const other of [
      parcel('shop.v1.Cart', 8, 2),
      parcel('shop.v1.Cart', 8, 1, 16, 1),
      parcel('shop.v1.Cart', 8),
      parcel('shop.v1.CartItem', 8, 1),
      parcel('v1.Cart', 8, 1),
      {},
    ]) {
      expect(differencesOf(expected, other)).toHaveLength(1);
    }
  });

  it('differs by a field that its type does not know', () => {
    const [known, more] = [parcel('library.v1.Refusal', 10, 1, 97), parcel('library.v1.Refusal', 10, 1, 97, 56, 1)];

    expect(differencesOf(known, more)).toHaveLength(1);
    expect(differencesOf(more, known)).toHaveLength(1);
    expect(differencesOf(more, more)).toEqual([]);
  });
});

describe('what a literal does not speak of', () => {
  it('does not matter where a provider answers', () => {
    expect(differencesOf({ title: 'Emma' }, { title: 'Emma', copies: 5, subtitle: '' })).toEqual([]);
  });

  it('must not be set where a consumer sends', () => {
    expect(
      differencesOf({ title: 'Emma' }, { title: 'Emma', copies: 5, subtitle: '', authors: [{}] }, { isClosed: true }),
    ).toEqual(['copies: nothing / 5', 'subtitle: nothing / ""', 'authors: nothing / 1 element']);
  });

  it('must not be set within a message or an element either', () => {
    const literal = { authors: [{ name: 'Ada' }] };

    expect(differencesOf(literal, { authors: [{ name: 'Ada', born: 1815 }] }, { isClosed: true })).toEqual([
      'authors[0].born: nothing / 1815',
    ]);
  });

  it('may be a field that this schema does not know: reported where a consumer sends it', () => {
    const book = create(BookSchema, { bookId: 'b1', title: 'Emma' });
    const received = fromBinary(RefusalSchema, toBinary(BookSchema, book));
    const pattern = compilePattern(RefusalSchema, { reason: 'b1' });
    const match = (isClosed: boolean) => matchMessage(RefusalSchema, pattern, received, { isClosed, registry });

    expect(match(true)).toEqual([
      { path: '#2', expected: 'nothing', actual: 'an unknown field of library.v1.Refusal' },
    ]);
    expect(match(false)).toEqual([]);
  });

  it('is reported once when it is a repeated field that this schema does not know', () => {
    const book = create(BookSchema, { bookId: 'b1', keywords: ['x', 'y', 'z'] });
    const received = fromBinary(RefusalSchema, toBinary(BookSchema, book));
    const pattern = compilePattern(RefusalSchema, { reason: 'b1' });

    expect(matchMessage(RefusalSchema, pattern, received, { isClosed: true, registry })).toEqual([
      { path: '#12', expected: 'nothing', actual: 'an unknown field of library.v1.Refusal' },
    ]);
  });
});
