// The paths and rules of our files in the hands of Pact's verifier: keys of maps that its paths cannot name, and regular expressions that it lacks.
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { contract, eachLike, like, regex } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { LibraryService } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { makeDirectory } from './contract-files.ts';
import { startLibraryProvider } from './library-provider.ts';
import { pactIsMissing, verifyByPact } from './pact-tools.ts';

const KEYS = ["it's", 'a"b', 'back\\slash', 'new\nline', "a']b", 'a.b', 'a[0]', '*', '$', 'ключ', 'with space', ''];
const copies = (count: number) => Object.fromEntries(KEYS.map((key) => [key, count]));

/** Has a consumer rely on a book, and Pact's verifier look for it at a library that has the book. */
async function verifyBook(expected: object, actual: object) {
  await using directory = await makeDirectory();
  await contract('Reader', 'Library', { directory: directory.path })
    .uponReceiving('a question')
    .calls(LibraryService.method.getBook, { bookId: 'b1' })
    .repliesWith({ book: expected })
    .run(({ url }) =>
      createClient(LibraryService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' })).getBook({
        bookId: 'b1',
      }),
    );
  await using provider = await startLibraryProvider();
  provider.books.set('b1', { bookId: 'b1', ...actual });
  return await verifyByPact(`${directory.path}/Reader-Library.json`, {
    ...{ name: 'Library', url: provider.url, states: {}, headers: { 'x-reader': 'pact' } },
  });
}

describe.skipIf(pactIsMissing)("Pact's verifier", () => {
  it.each([
    {
      what: 'rules for map keys of any text',
      expected: { copiesByBranch: Object.fromEntries(KEYS.map((key) => [key, like(1)])) },
      actual: { copiesByBranch: copies(2) },
    },
    {
      what: 'rules within messages in maps',
      expected: { contributors: { "it's": { name: like('Ada') }, 'a"b': { name: regex(/^B/, 'Bob') } } },
      actual: { contributors: { "it's": { name: 'Eve' }, 'a"b': { name: 'Bea' } } },
    },
    {
      what: 'regular expressions that it lacks',
      expected: { title: regex(/^(?!x)E/, 'Emma'), subtitle: regex(/(a)\1/, 'aa') },
      actual: { title: 'Elsa', subtitle: 'baab' },
    },
    {
      what: 'rules in lists in lists of messages',
      expected: { authors: eachLike({ name: regex(/^[A-Z]/, 'Ada'), born: like(1) }), keywords: eachLike('war') },
      actual: { authors: [{ name: 'Jane', born: 1775 }], keywords: ['love', 'marriage'] },
    },
  ])('loads $what, and refuses nothing that the contract accepts', async ({ expected, actual }) => {
    expect(await verifyBook(expected, actual)).toEqual({ replayed: ['a question'], faults: {} });
  });

  it('still refuses what such a rule does not accept', async () => {
    const { faults } = await verifyBook(
      { contributors: { 'a"b': { name: regex(/^B/, 'Bob') } } },
      {
        contributors: { 'a"b': { name: 'Ada' } },
      },
    );

    expect(faults['a question']).toContain('Ada');
  });
});
