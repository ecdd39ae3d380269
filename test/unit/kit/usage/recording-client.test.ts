// A recording client records what is called and sent, for all kinds of RPC, and returns recording messages.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import {
  BookSchema,
  Genre,
  LendBookRequestSchema,
  LibraryService,
  RefusalSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { recordUsage } from '../../../../packages/kit/usage/record-usage.ts';
import { recordCalls, recordClient } from '../../../../packages/kit/usage/recording-client.ts';
import { recordSent } from '../../../../packages/kit/usage/sent-fields.ts';
import { UsageRecord } from '../../../../packages/kit/usage/usage-record.ts';
import { emma, usedBy } from './library-usage.ts';

const registry = createTypeRegistry([LibraryService]);

type LibraryClient = ReturnType<typeof createClient<typeof LibraryService>>;

function connect(interceptors: Interceptor[]): LibraryClient {
  const transport = createRouterTransport(
    ({ service }) => {
      service(LibraryService, {
        getBook: () => ({ book: emma() }),
        lendBook: () => {
          throw new ConnectError('no', Code.FailedPrecondition, undefined, [
            { desc: RefusalSchema, value: { reason: 'ALL_LENT' } },
          ]);
        },
        listBooks: async function* () {
          yield { book: emma() };
          yield { book: { title: 'Persuasion', genre: Genre.SCIENCE } };
        },
        returnBooks: async (requests) => ({ count: (await Array.fromAsync(requests)).length }),
        askLibrarian: async function* (requests) {
          for await (const { question } of requests) yield { answer: `${question}!` };
        },
      });
    },
    { transport: { interceptors } },
  );
  return createClient(LibraryService, transport);
}

type Way = 'client' | 'interceptor';

/** Returns the result of a consumer and its usage of the library. */
async function use(way: Way, consume: (client: LibraryClient) => Promise<unknown>) {
  const record = new UsageRecord().of('a test');
  const begin = () => ({ record, registry });
  const client = way === 'client' ? recordClient(LibraryService, connect([]), begin) : connect([recordCalls(begin)]);
  const result = await consume(client);
  return { result, used: record.toTestUsage('', '') };
}

async function* each<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

describe.each<Way>(['client', 'interceptor'])('a recording %s', (way) => {
  it('records a call, the sent fields, and the read fields of the answer', async () => {
    const { result, used } = await use(way, async (client) => (await client.getBook({ bookId: 'b1' })).book?.title);

    expect(result).toBe('Emma');
    expect(used).toMatchObject({
      calls: ['library.v1.LibraryService/GetBook'],
      sets: ['library.v1.GetBookRequest.book_id'],
      reads: ['library.v1.Book.title', 'library.v1.GetBookResponse.book'],
    });
  });

  it('records each message of streams in both directions', async () => {
    const { result, used } = await use(way, async (client) => {
      const titles = await Array.fromAsync(client.listBooks({ genre: Genre.FICTION }), ({ book }) => book?.title);
      const { count } = await client.returnBooks(each({ bookId: 'b1' }, { bookId: 'b2' }));
      const answers = await Array.fromAsync(client.askLibrarian(each({ question: 'Who' })), ({ answer }) => answer);
      return { titles, count, answers };
    });

    expect(result).toEqual({ titles: ['Emma', 'Persuasion'], count: 2, answers: ['Who!'] });
    expect(used).toMatchObject({
      sets: [
        'library.v1.AskLibrarianRequest.question',
        'library.v1.ListBooksRequest.genre',
        'library.v1.ReturnBooksRequest.book_id',
      ],
      reads: [
        'library.v1.AskLibrarianResponse.answer',
        'library.v1.Book.title',
        'library.v1.ListBooksResponse.book',
        'library.v1.ReturnBooksResponse.count',
      ],
      values: ['library.v1.Genre.GENRE_FICTION'],
    });
  });

  it('records a call that fails, and the read fields of its error details', async () => {
    const { result, used } = await use(way, (client) =>
      client
        .lendBook({ bookId: 'b1' })
        .catch((error) => ConnectError.from(error).findDetails(RefusalSchema)[0]?.reason),
    );

    expect(result).toBe('ALL_LENT');
    expect(used.calls).toEqual(['library.v1.LibraryService/LendBook']);
    expect(used.reads).toEqual(['library.v1.Refusal.reason']);
    expect(used.types).toEqual(['library.v1.LendBookResponse']);
  });
});

describe('the sent fields', () => {
  it('are those of a literal, including defaults and nested messages, but not undefined ones', () => {
    const used = usedBy((record) =>
      recordSent(
        BookSchema,
        {
          title: '',
          lendable: undefined,
          genre: Genre.UNSPECIFIED,
          authors: [{ name: 'Jane' }],
          contributors: { cover: { born: 0 } },
          place: { case: 'loan', value: { memberId: 'm1' } },
          relatedGenres: [Genre.SCIENCE],
          publisher: 'Murray',
          remarks: { damp: true },
          attachment: anyPack(RefusalSchema, create(RefusalSchema)),
        },
        { record, registry },
      ),
    );

    expect(used).toEqual({
      sets: [
        'Author.born',
        'Author.name',
        'Book.attachment',
        'Book.authors',
        'Book.contributors',
        'Book.genre',
        'Book.loan',
        'Book.place',
        'Book.publisher',
        'Book.related_genres',
        'Book.remarks',
        'Book.title',
        'Loan.member_id',
      ],
      whole: ['Refusal'],
      values: ['Genre.GENRE_SCIENCE', 'Genre.GENRE_UNSPECIFIED'],
    });
  });

  it('are those that are set in a message', () => {
    const request = create(LendBookRequestSchema, { bookId: 'b1', memberId: '', period: { seconds: 5n } });

    expect(usedBy((record) => recordSent(LendBookRequestSchema, request, { record, registry }))).toEqual({
      sets: ['LendBookRequest.book_id', 'LendBookRequest.period'],
    });
  });
});

it('a recorder refuses a name that cannot be part of a file name', () => {
  expect(() => recordUsage('../Reader', 'Library', { directory: '.', file: 'a.test.ts', test: () => 'a' })).toThrow(
    'consumer: "../Reader" is no name',
  );
});
