// A recording becomes a contract, against which its provider is verified.
import { readFile } from 'node:fs/promises';
import { type PromoteOptions, promoteRecording, startStubServer, verifyProvider } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { Genre, LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { makeDirectory } from '../../../contract/kit/contract-files.ts';
import { type Drift, startLibraryProvider } from '../../../contract/kit/library-provider.ts';
import { exchangeOf } from '../../../unit/kit/recording/library-recording.ts';
import { clientOf, errorOf, recordLibrary, streamOf } from './recorded-library.ts';

const services = [LibraryService];
const redact = { fields: ['library.v1.Loan.member_id'] };
const book = {
  bookId: 'b1',
  title: 'Emma',
  genre: Genre.FICTION,
  place: { case: 'loan', value: { memberId: 'm7' } },
} as const;

/** Records calls of a provider, promotes them and verifies a provider that may have drifted. */
async function promoteAndVerify(drift: Drift, options: Partial<PromoteOptions> = {}) {
  await using provider = await startLibraryProvider();
  provider.books.set('b1', book);
  await using recording = await recordLibrary({ upstream: provider.url, redact });
  const client = clientOf(recording.recorder.url);
  for (const bookId of ['b1', 'b1', 'b404']) await errorOf(client.getBook({ bookId }));
  await Array.fromAsync(client.listBooks({ genre: Genre.FICTION }));
  await client.returnBooks(streamOf({ bookId: 'b1' }, { bookId: 'b2' }));
  await Array.fromAsync(client.askLibrarian(streamOf({ question: 'a' })));
  const promotion = await promoteRecording(recording.file, {
    consumer: 'Reader',
    provider: 'Library',
    directory: recording.directory,
    services,
    ...options,
  });
  await using drifted = await startLibraryProvider(drift);
  drifted.books.set('b1', { ...book, place: { case: 'loan', value: { memberId: 'm8' } } });
  const verification = await verifyProvider({ contracts: promotion.file, url: drifted.url, services });
  return { promotion, verification, text: await readFile(promotion.file, 'utf8') };
}

describe('a promoted recording', () => {
  it.each([
    [{}, []],
    [{ deadlineMs: 500 }, ['deadlines']],
    [{ response: { headers: {}, messages: [{ message: {}, atMs: 3 }], trailers: {} } }, ['times']],
  ])('names what a contract has no place for, and what was not recorded: %j', async (change, omitted) => {
    await using directory = await makeDirectory();
    const lost = ['[library.v1.note]: an extension of library.v1.GetBookRequest'];
    const request = { headers: {}, messages: [{ message: { bookId: 'b1' }, lost }] };
    const recording = { exchanges: [exchangeOf({}, {}, { request, ...change })], warnings: [] };
    const promotion = await promoteRecording(recording, {
      consumer: 'Reader',
      provider: 'Library',
      directory: directory.path,
      services,
    });

    expect(promotion.omitted).toEqual(omitted);
    expect(promotion.warnings).toEqual([
      `exchange 1, GetBook {"bookId":"b1"}, lacks what was not recorded: ${lost[0]}`,
    ]);
  });

  it('is a contract that its provider honours in every protocol, with any redacted values', async () => {
    const { promotion, verification, text } = await promoteAndVerify({});

    expect(verification.toString()).not.toContain('FAILED');
    expect(verification.interactions.map(({ title, checks }) => [title, checks.length])).toEqual([
      ['AskLibrarian {"question":"a"}', 4],
      ['GetBook {"bookId":"b1"}', 7],
      ['GetBook {"bookId":"b404"}', 7],
      ['ListBooks {"genre":"GENRE_FICTION"}', 7],
      ['ReturnBooks {"bookId":"b1"} {"bookId":"b2"}', 7],
    ]);
    expect(promotion).toMatchObject({ collapsed: 1, warnings: [], omitted: ['times'] });
    expect(promotion.file.endsWith('/Reader-Library.json')).toBe(true);
    expect(text).not.toMatch(/"m7"/);
    expect(text).toMatch(/"book.loan.memberId": \{\s+"match": "like"/);
  });

  it.each<{ drift: string; change: Drift; difference: string }>([
    {
      drift: 'a value changed',
      change: { getBook: (found) => ({ ...found, title: 'Evelina' }) },
      difference: 'book.title\n      expected "Emma"\n      actual   "Evelina"',
    },
    {
      drift: 'a default changed',
      change: { getBook: (found) => ({ ...found, copies: 1 }) },
      difference: 'book.copies\n      expected 0\n      actual   1',
    },
    {
      drift: 'a redacted field dropped',
      change: { getBook: () => ({ ...book, place: { case: 'loan', value: {} } }) },
      difference: 'book.loan.memberId\n      expected a value like "redacted"\n      actual   ""',
    },
    {
      drift: 'another detail of an error',
      change: { notFound: { code: 5, reason: 'GONE' } },
      difference: 'error.details[0].reason\n      expected "NO_SUCH_BOOK"\n      actual   "GONE"',
    },
  ])('catches $drift', async ({ change, difference }) => {
    const { verification } = await promoteAndVerify(change);

    expect(verification.isHonoured).toBe(false);
    expect(verification.toString()).toContain(difference);
  });

  it('allows differences in loosened fields only', async () => {
    const loosened = { loosen: ['library.v1.Book.title'] };
    const other = await promoteAndVerify({ getBook: (found) => ({ ...found, title: 'Evelina' }) }, loosened);
    const none = await promoteAndVerify({ getBook: (found) => ({ ...found, title: '' }) }, loosened);

    expect(other.verification.isHonoured).toBe(true);
    expect(none.verification.toString()).toContain('expected a value like "Emma"');
  });

  it('has a call that was answered differently once for each state', async () => {
    await using directory = await makeDirectory();
    const titled = (title: string, number: number) => exchangeOf({ bookId: 'b1' }, { book: { title } }, { number });
    const recording = { exchanges: [titled('Emma', 1), titled('Evelina', 2), titled('Evelina', 3)], warnings: [] };
    const options = { consumer: 'Reader', provider: 'Library', directory: directory.path, services };
    const given = ({ number }: { number: number }) => [{ name: 'printed', params: { edition: number === 1 ? 1 : 2 } }];

    const { collapsed, interactions } = await promoteRecording(recording, { ...options, given });

    expect([collapsed, interactions.length]).toEqual([1, 2]);
    await expect(promoteRecording(recording, options)).rejects.toThrow('exchanges 1 and 2, GetBook {"bookId":"b1"}');
  });

  it('can be served by a stub server, with its states and the headers chosen in any letter case', async () => {
    await using recording = await recordLibrary();
    await clientOf(recording.recorder.url).getBook({ bookId: 'b1' });
    const { file } = await promoteRecording(recording.file, {
      consumer: 'Reader',
      provider: 'Library',
      directory: recording.directory,
      services,
      describe: () => 'a question',
      given: () => [{ name: 'b1 is there' }],
      headers: ['X-Shelf'],
    });
    await using stub = await startStubServer(file, { services, states: ['b1 is there'] });
    let shelf: string | null = '';

    const answer = await clientOf(stub.url).getBook(
      { bookId: 'b1' },
      {
        onHeader: (headers) => {
          shelf = headers.get('x-shelf');
        },
      },
    );

    expect([answer.book?.title, shelf]).toEqual(['Emma', 'A1']);
  });
});
