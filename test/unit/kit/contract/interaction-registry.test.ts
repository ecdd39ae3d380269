// The interaction that a call is for is the one that accepts it and leaves the least open; a miss names the nearest.
import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { findRepeats, InteractionBook } from '../../../../packages/kit/contract/interaction-registry.ts';
import type { RpcInteraction } from '../../../../packages/kit/contract-file/interaction.ts';
import { compileHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
import { anything, like } from '../../../../packages/kit/matching/matchers.ts';
import { askLibrarian, getBook, interactionOf, lendBook, registry, returnBooks } from './library-interactions.ts';

function bookOf(...interactions: RpcInteraction[]): InteractionBook {
  return new InteractionBook(interactions, { registry });
}

function callOf(method: RpcInteraction['method'], requests: object[], header: Record<string, string> = {}) {
  const messages = requests.map((request) => create(method.input as DescMessage, request as never) as Message);
  return { method, requests: messages, header: new Headers(header) };
}

const forB1 = interactionOf('for b1', getBook, { bookId: 'b1' });
const forAny = interactionOf('for any', getBook, { bookId: like('b9') });
const forAnyAtAll = interactionOf('for any at all', getBook, { bookId: anything(), withContributors: anything() });

describe('the interaction of a call', () => {
  it('is the one that leaves the fewest values open, in whatever order they are', () => {
    for (const book of [bookOf(forB1, forAny, forAnyAtAll), bookOf(forAnyAtAll, forAny, forB1)]) {
      expect(book.choose(callOf(getBook, [{ bookId: 'b1' }])).chosen).toBe(forB1);
      expect(book.choose(callOf(getBook, [{ bookId: 'b2' }])).chosen).toBe(forAny);
      expect(book.choose(callOf(getBook, [{}])).chosen).toBe(forAnyAtAll);
    }
  });

  it('is one whose metadata the call has', () => {
    const forTenant = {
      ...forB1,
      description: 'tenant',
      metadata: compileHeaders({ 'x-tenant': 'north' }, 'metadata'),
    };
    const book = bookOf(forTenant);

    expect(book.choose(callOf(getBook, [{ bookId: 'b1' }], { 'X-Tenant': 'north' })).chosen).toBe(forTenant);
    expect(() => book.choose(callOf(getBook, [{ bookId: 'b1' }]))).toThrow(
      'nearest is "tenant", but metadata["x-tenant"] is nothing, not "north"',
    );
  });

  it('is one whose deadline the call has, unless deadlines do not matter', () => {
    const inTime = { ...forB1, deadline: { atMostMs: 100 } };
    const lenient = new InteractionBook([inTime], { registry, ignoresDeadline: true });

    expect(() => bookOf(inTime).choose(callOf(getBook, [{ bookId: 'b1' }]))).toThrow('deadline is nothing');
    expect(lenient.choose(callOf(getBook, [{ bookId: 'b1' }])).chosen).toBe(inTime);
  });

  it('is none when two accept the call and neither is more specific: both are named', () => {
    const twin = { ...forB1, description: 'twin' };

    expect(() => bookOf(forB1, twin).choose(callOf(getBook, [{ bookId: 'b1' }]))).toThrow(
      expect.objectContaining({
        isAmbiguous: true,
        message: 'library.v1.LibraryService/GetBook: both "for b1" and "twin" accept this call',
      }),
    );
  });
});

describe('a miss', () => {
  it('names the nearest interaction and what differs', () => {
    const book = bookOf(
      interactionOf('far', lendBook, { bookId: 'b2', memberId: 'm2', period: { seconds: 9n } }),
      interactionOf('near', lendBook, { bookId: 'b1', memberId: 'm1' }),
    );

    expect(() => book.choose(callOf(lendBook, [{ bookId: 'b1', memberId: 'm3' }]))).toThrow(
      expect.objectContaining({
        isAmbiguous: false,
        message:
          'library.v1.LibraryService/LendBook: no interaction accepts this call; nearest is "near", but memberId is "m3", ' +
          'not "m1"',
      }),
    );
  });

  it('tells an RPC without any interaction', () => {
    const book = bookOf(forB1);

    expect(() => book.choose(callOf(lendBook, [{}]))).toThrow('library.v1.LibraryService/LendBook has no interaction');
    expect(book.misses()).toEqual(['library.v1.LibraryService/LendBook has no interaction']);
  });
});

describe('a book', () => {
  it('knows which interactions no call was for', () => {
    const book = bookOf(forB1, forAny);
    book.choose(callOf(getBook, [{ bookId: 'b1' }]));

    expect(book.untouched()).toEqual([forAny]);
  });

  it('goes on with other interactions', () => {
    const book = bookOf(forB1);
    book.use([forAny]);

    expect(book.choose(callOf(getBook, [{ bookId: 'b1' }])).chosen).toBe(forAny);
  });

  it('tells names that stand for more than one interaction, states apart', () => {
    const state = { name: 'open', params: {} };

    expect(findRepeats([forB1, forAny, { ...forAny }])).toEqual(['for any']);
    expect(findRepeats([forB1, { ...forB1, states: [state] }])).toEqual([]);
  });
});

describe('a stream of requests', () => {
  it('has to come whole', () => {
    const book = bookOf(interactionOf('two', returnBooks, [{ bookId: 'b1' }, { bookId: 'b2' }]));

    expect(() => book.choose(callOf(returnBooks, [{ bookId: 'b1' }]))).toThrow('requests is 1, not 2 messages');
    expect(() => book.choose(callOf(returnBooks, [{ bookId: 'b1' }, { bookId: 'b3' }]))).toThrow(
      'requests[1].bookId is "b3", not "b2"',
    );
  });

  it('is foreseen as soon as only one interaction begins so', () => {
    const hello = interactionOf('hello', askLibrarian, [{ question: 'hello' }, { question: 'who?' }], []);
    const goodBye = interactionOf('good bye', askLibrarian, [{ question: 'hello' }, { question: 'bye' }], []);
    const book = bookOf(hello, goodBye);

    expect(book.foresee(callOf(askLibrarian, [{ question: 'hello' }]))).toBeUndefined();
    expect(book.foresee(callOf(askLibrarian, [{ question: 'hello' }, { question: 'bye' }]))).toBe(goodBye);
    expect(() => book.foresee(callOf(askLibrarian, [{ question: 'help' }]))).toThrow('requests[0].question is "help"');
  });
});
