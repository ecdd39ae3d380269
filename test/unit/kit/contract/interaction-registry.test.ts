// A call matches the most specific interaction that accepts it; the error of an unmatched call names the nearest.
import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { findDuplicates, InteractionRegistry } from '../../../../packages/kit/contract/interaction-registry.ts';
import type { RpcInteraction } from '../../../../packages/kit/contract-file/interaction.ts';
import { compileHeaders, type HeaderLiteral } from '../../../../packages/kit/matching/header-pattern.ts';
import { absent, anything, like } from '../../../../packages/kit/matching/matchers.ts';
import { askLibrarian, getBook, interactionOf, lendBook, registry, returnBooks } from './library-interactions.ts';

function registryOf(...interactions: RpcInteraction[]): InteractionRegistry {
  return new InteractionRegistry(interactions, { registry });
}

function callOf(method: RpcInteraction['method'], requests: object[], header: Record<string, string> = {}) {
  const messages = requests.map((request) => create(method.input as DescMessage, request as never) as Message);
  return { method, requests: messages, header: new Headers(header) };
}

const forB1 = interactionOf('for b1', getBook, { bookId: 'b1' });
const forAny = interactionOf('for any', getBook, { bookId: like('b9') });
const forAnyAtAll = interactionOf('for any at all', getBook, { bookId: anything(), withContributors: anything() });

describe('the interaction that a call matches', () => {
  it('is the most specific one, whatever order they are declared in', () => {
    for (const interactions of [registryOf(forB1, forAny, forAnyAtAll), registryOf(forAnyAtAll, forAny, forB1)]) {
      expect(interactions.match(callOf(getBook, [{ bookId: 'b1' }]))).toBe(forB1);
      expect(interactions.match(callOf(getBook, [{ bookId: 'b2' }]))).toBe(forAny);
      expect(interactions.match(callOf(getBook, [{}]))).toBe(forAnyAtAll);
    }
  });

  it('is the one that refuses a field rather than one that allows it', () => {
    const withoutContributors = interactionOf('without contributors', getBook, { bookId: 'b1' });
    const withOrWithout = interactionOf('with or without', getBook, { bookId: 'b1', withContributors: anything() });
    const interactions = registryOf(withOrWithout, withoutContributors);

    expect(interactions.match(callOf(getBook, [{ bookId: 'b1' }]))).toBe(withoutContributors);
    expect(interactions.match(callOf(getBook, [{ bookId: 'b1', withContributors: true }]))).toBe(withOrWithout);
  });

  it('is of the very RPC that is called, not of one whose name only begins alike', () => {
    const longer = { ...forB1, method: { ...getBook, name: 'GetBookAgain' } as RpcInteraction['method'] };

    expect(() => registryOf(longer).match(callOf(getBook, [{ bookId: 'b1' }]))).toThrow('GetBook has no interaction');
    expect(() => registryOf(forB1).match({ ...callOf(getBook, [{ bookId: 'b1' }]), method: longer.method })).toThrow(
      'GetBookAgain has no interaction',
    );
  });

  it('is any of those that differ in their description alone, as after the test of one was renamed', () => {
    const renamed = interactionOf('for b1, under a new name', getBook, { bookId: 'b1' });
    const other = interactionOf('for b1, answered differently', getBook, { bookId: 'b1' }, { book: { title: 'Emma' } });
    const call = callOf(getBook, [{ bookId: 'b1' }]);

    expect(registryOf(forB1, renamed, forAny).match(call)).toBe(forB1);
    expect(() => registryOf(forB1, renamed, other).match(call)).toThrow(
      'accept this call, and answer it differently; if the test of one is gone or renamed, prune the contract',
    );
  });

  it('is the one that is given the selected state, if another is given none', () => {
    const lent = interactionOf('for b1', getBook, { bookId: 'b1' }, {}, [{ name: 'b1 is lent', params: {} }]);
    const call = callOf(getBook, [{ bookId: 'b1' }]);
    const selected = new InteractionRegistry([forB1, lent], { registry, prefersGiven: true });
    const all = registryOf(forB1, lent);

    expect(selected.match(call)).toBe(lent);
    expect(() => all.match(call)).toThrow('both "for b1" and "for b1, given b1 is lent" accept');
    all.use([forB1, lent], true);
    expect(all.match(call)).toBe(lent);
  });

  it('has only metadata that the call has', () => {
    const forTenant = {
      ...forB1,
      description: 'tenant',
      metadata: compileHeaders({ 'x-tenant': 'north' }, 'metadata'),
    };
    const interactions = registryOf(forTenant);

    expect(interactions.match(callOf(getBook, [{ bookId: 'b1' }], { 'X-Tenant': 'north' }))).toBe(forTenant);
    expect(() => interactions.match(callOf(getBook, [{ bookId: 'b1' }]))).toThrow(
      'nearest is "tenant", but metadata["x-tenant"] is nothing, not "north"',
    );
  });

  it('is the one with the more specific metadata when the requests match alike', () => {
    const withTenant = (description: string, tenant: HeaderLiteral[string]) => ({
      ...forB1,
      description,
      metadata: compileHeaders({ 'x-tenant': tenant }, 'metadata'),
    });
    const north = withTenant('north', 'north');
    const anyTenant = withTenant('any tenant', like('east'));
    const noTenant = withTenant('no tenant', absent());
    const call = (header: Record<string, string>) => callOf(getBook, [{ bookId: 'b1' }], header);

    for (const interactions of [registryOf(forB1, anyTenant, north), registryOf(north, anyTenant, forB1)]) {
      expect(interactions.match(call({ 'x-tenant': 'north' }))).toBe(north);
      expect(interactions.match(call({ 'x-tenant': 'south' }))).toBe(anyTenant);
      expect(interactions.match(call({}))).toBe(forB1);
    }
    expect(registryOf(forB1, noTenant).match(call({}))).toBe(noTenant);
  });

  it('is the one with the more specific request, however specific the metadata of others', () => {
    const metadata = compileHeaders({ 'x-a': like('1'), 'x-b': like('1'), 'x-c': like('1') }, 'metadata');
    const interactions = registryOf(forB1, { ...forAny, metadata });

    expect(interactions.match(callOf(getBook, [{ bookId: 'b1' }], { 'x-a': '1', 'x-b': '1', 'x-c': '1' }))).toBe(forB1);
  });

  it('has a deadline that the call meets, unless deadlines are ignored', () => {
    const inTime = { ...forB1, deadline: { atMostMs: 100 } };
    const lenient = new InteractionRegistry([inTime], { registry, ignoresDeadline: true });

    expect(() => registryOf(inTime).match(callOf(getBook, [{ bookId: 'b1' }]))).toThrow('deadline is nothing');
    expect(lenient.match(callOf(getBook, [{ bookId: 'b1' }]))).toBe(inTime);
  });

  it('is none when two equally specific ones accept the call: the error names both', () => {
    const twin = { ...forB1, description: 'twin', responses: [] };

    expect(() => registryOf(forB1, twin).match(callOf(getBook, [{ bookId: 'b1' }]))).toThrow(
      expect.objectContaining({
        code: Code.Internal,
        message:
          'library.v1.LibraryService/GetBook: both "for b1" and "twin" accept this call, and answer it differently; ' +
          'if the test of one is gone or renamed, prune the contract',
      }),
    );
  });
});

describe('the error of an unmatched call', () => {
  it('names the nearest interaction and the differences', () => {
    const interactions = registryOf(
      interactionOf('far', lendBook, { bookId: 'b2', memberId: 'm2', period: { seconds: 9n } }),
      interactionOf('near', lendBook, { bookId: 'b1', memberId: 'm1' }),
    );

    expect(() => interactions.match(callOf(lendBook, [{ bookId: 'b1', memberId: 'm3' }]))).toThrow(
      expect.objectContaining({
        code: Code.Unimplemented,
        message:
          'library.v1.LibraryService/LendBook: no interaction accepts this call; nearest is "near", but memberId is "m3", ' +
          'not "m1"',
      }),
    );
  });

  it('names an RPC without any interaction', () => {
    const interactions = registryOf(forB1);

    expect(() => interactions.match(callOf(lendBook, [{}]))).toThrow(
      'library.v1.LibraryService/LendBook has no interaction',
    );
    expect(interactions.unmatchedRequests()).toEqual(['library.v1.LibraryService/LendBook has no interaction']);
  });
});

describe('a registry', () => {
  it('lists the interactions that no call has matched', () => {
    const interactions = registryOf(forB1, forAny);
    interactions.match(callOf(getBook, [{ bookId: 'b1' }]));

    expect(interactions.unexercised()).toEqual([forAny]);
  });

  it('answers with other interactions after a change', () => {
    const interactions = registryOf(forB1);
    interactions.use([forAny]);

    expect(interactions.match(callOf(getBook, [{ bookId: 'b1' }]))).toBe(forAny);
  });

  it('finds names that two interactions with the same states have', () => {
    const state = { name: 'open', params: {} };

    expect(findDuplicates([forB1, forAny, { ...forAny }])).toEqual(['for any']);
    expect(findDuplicates([forB1, { ...forB1, states: [state] }])).toEqual([]);
  });
});

describe('a stream of requests', () => {
  it('matches only when it is complete', () => {
    const interactions = registryOf(interactionOf('two', returnBooks, [{ bookId: 'b1' }, { bookId: 'b2' }]));

    expect(() => interactions.match(callOf(returnBooks, [{ bookId: 'b1' }]))).toThrow('requests is 1, not 2 messages');
    expect(() => interactions.match(callOf(returnBooks, [{ bookId: 'b1' }, { bookId: 'b3' }]))).toThrow(
      'requests[1].bookId is "b3", not "b2"',
    );
  });

  it('matches partially as soon as only one interaction begins with its requests', () => {
    const hello = interactionOf('hello', askLibrarian, [{ question: 'hello' }, { question: 'who?' }], []);
    const goodBye = interactionOf('good bye', askLibrarian, [{ question: 'hello' }, { question: 'bye' }], []);
    const interactions = registryOf(hello, goodBye);

    expect(interactions.matchPartially(callOf(askLibrarian, [{ question: 'hello' }]))).toBeUndefined();
    expect(interactions.matchPartially(callOf(askLibrarian, [{ question: 'hello' }, { question: 'bye' }]))).toBe(
      goodBye,
    );
    expect(() => interactions.matchPartially(callOf(askLibrarian, [{ question: 'help' }]))).toThrow(
      'requests[0].question is "help"',
    );
  });

  it('matches partially what further requests cannot tell apart as it matches the whole call', () => {
    const questions = [{ question: 'hello' }, { question: 'bye' }];
    const old = interactionOf('an old name', askLibrarian, questions, [{ answer: '1' }]);
    const renamed = { ...old, description: 'a new name' };
    const given = { ...old, description: 'given a state', states: [{ name: 'closed', params: {} }], responses: [] };
    const other = { ...old, description: 'another answer', responses: [] };
    const call = callOf(askLibrarian, [{ question: 'hello' }]);
    const selected = registryOf(old, given);
    selected.use([old, given], true);

    expect(registryOf(old, renamed).matchPartially(call)).toBe(old);
    expect(selected.matchPartially(call)).toBe(given);
    expect(() => registryOf(old, other).matchPartially(call)).toThrow(
      expect.objectContaining({
        code: Code.Internal,
        message: expect.stringContaining('both "an old name" and "another answer" accept'),
      }),
    );
  });
});
