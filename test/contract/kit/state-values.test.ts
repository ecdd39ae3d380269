// Values that the provider chooses when it is brought into a state: in requests, headers and answers of a verification.
import { randomUUID } from 'node:crypto';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { contract, fromState, type StateHandler, verifyProvider } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { LibraryService } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { makeDirectory, readContract } from './contract-files.ts';
import { type LibraryProvider, startLibraryProvider } from './library-provider.ts';
import { pactIsMissing, verifyByPact } from './pact-tools.ts';

const STATE = 'a book is there';

/** Records a consumer that asks for a book whose ids the provider gives. */
async function recordQuestion(directory: string): Promise<void> {
  await contract('Reader', 'Library', { directory })
    .given(STATE, { number: '7' })
    .uponReceiving('a question for it')
    .calls(LibraryService.method.getBook, { bookId: fromState('bookId', 'b1') })
    .withMetadata({ 'x-tenant': fromState('tenant', 'north') })
    .repliesWith({ book: { bookId: fromState('bookId', 'b1'), catalogueNumber: fromState('number', 5n) } })
    .run(({ url }) => {
      const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' });
      return createClient(LibraryService, transport).getBook({ bookId: 'b1' }, { headers: { 'x-tenant': 'north' } });
    });
}

/** Puts a book into the library under an id that the consumer does not know. */
function addBook({ books }: LibraryProvider): StateHandler {
  return ({ number }) => {
    const bookId = randomUUID();
    books.set(bookId, { bookId, catalogueNumber: BigInt(String(number)) });
    return { values: { bookId, tenant: `of ${bookId}` }, teardown: () => books.delete(bookId) };
  };
}

async function openLibrary() {
  const resources = new AsyncDisposableStack();
  const { path } = resources.use(await makeDirectory());
  await recordQuestion(path);
  const provider = resources.use(await startLibraryProvider());
  const verify = (handler: StateHandler) =>
    verifyProvider({ contracts: path, url: provider.url, services: [LibraryService], states: { [STATE]: handler } });
  return { path, provider, verify, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

describe('a value from a provider state', () => {
  it('is in request, headers and expected answer of every call, of its own for each', async () => {
    await using library = await openLibrary();
    const { provider } = library;

    (await library.verify(addBook(provider))).assertHonoured();

    const tenants = provider.headersSeen.map((headers) => headers.get('x-tenant'));
    expect(new Set(tenants).size).toBe(7);
    expect(tenants.every((tenant) => tenant?.startsWith('of '))).toBe(true);
    expect(provider.books.size).toBe(0);
  });

  it('that the provider does not answer with is a difference', async () => {
    await using library = await openLibrary();
    const { provider } = library;
    const other: StateHandler = (params) => {
      const { values } = addBook(provider)(params) as { values: { bookId: string } };
      provider.books.set(values.bookId, { bookId: values.bookId, catalogueNumber: 8n });
      return { values };
    };

    const verification = await library.verify(other);

    expect(verification.isHonoured).toBe(false);
    expect(verification.toString()).toMatch(/book\.catalogueNumber\n +expected 7\n +actual +8/);
  });

  it('is the example where the state gives none, and an error where it is none of its field', async () => {
    await using library = await openLibrary();
    const { books } = library.provider;

    const examples = await library.verify(() => {
      books.set('b1', { bookId: 'b1', catalogueNumber: 7n });
    });
    const wrong = await library.verify(() => ({ values: { number: 'seven' } }));

    examples.assertHonoured();
    expect(wrong.interactions[0]?.checks[0]?.fault).toMatch(/^values of the states: book\.catalogueNumber: "seven" is/);
  });

  it.skipIf(pactIsMissing)("is one for Pact's verifier too, by a generator in the file", async () => {
    await using library = await openLibrary();
    const { path, provider } = library;

    const states = { [STATE]: addBook(provider) };
    const verdict = await verifyByPact(`${path}/Reader-Library.json`, {
      ...{ name: 'Library', url: provider.url, states, headers: { 'x-reader': 'pact' } },
    });

    expect(verdict).toEqual({ replayed: ['a question for it'], faults: {} });
    const { interactions } = await readContract(path, 'Reader-Library.json');
    expect(Object.keys(interactions[0].request.generators)).toEqual(['body', 'header']);
  });
});
