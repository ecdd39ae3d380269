// The one rule for which of several matching stubs or interactions answers: the most fixed values, then the most matchers.
import { create, type DescMessage } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { InteractionRegistry } from '../../../../packages/kit/contract/interaction-registry.ts';
import { GetBookRequestSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
import { compileHeaders, type HeaderLiteral } from '../../../../packages/kit/matching/header-pattern.ts';
import {
  absent,
  anyOf,
  anything,
  eachLike,
  integerRange,
  like,
  packed,
  present,
  regex,
  unordered,
} from '../../../../packages/kit/matching/matchers.ts';
import {
  chooseMostSpecific,
  specificityOf,
  specificityOfHeaders,
} from '../../../../packages/kit/matching/specificity.ts';
import { compileRequests } from '../../../../packages/kit/virtual/request-pattern.ts';
import { getBook, interactionOf } from '../contract/library-interactions.ts';
import { type BookLiteral, BookSchema, RefusalSchema, registry } from './library-books.ts';

function rate(literal: BookLiteral, isClosed = false): [fixed: number, constrained: number] {
  const { fixed, constrained } = specificityOf(BookSchema, compilePattern(BookSchema, literal), { isClosed });
  return [fixed, constrained];
}

describe('a pattern', () => {
  it.each<{ what: string; literal: BookLiteral; fixed: number; constrained: number }>([
    { what: 'plain values', literal: { title: 'Emma', copies: 0 }, fixed: 2, constrained: 0 },
    { what: 'absent()', literal: { subtitle: absent() }, fixed: 1, constrained: 0 },
    {
      what: 'matchers',
      literal: { title: like('x'), bookId: regex(/^b/, 'b'), copies: anyOf(1, 2) },
      fixed: 0,
      constrained: 3,
    },
    { what: 'anything()', literal: { title: anything(), copies: 1 }, fixed: 1, constrained: 0 },
    { what: 'a list and its elements', literal: { keywords: ['x', like('y')] }, fixed: 2, constrained: 1 },
    { what: 'unordered()', literal: { keywords: unordered(['x']) }, fixed: 1, constrained: 1 },
    { what: 'eachLike()', literal: { keywords: eachLike('x') }, fixed: 0, constrained: 1 },
    { what: 'entries of a map', literal: { copiesByBranch: { main: 1, west: like(1) } }, fixed: 1, constrained: 1 },
    { what: 'present()', literal: { publisher: present('x') }, fixed: 0, constrained: 1 },
    { what: 'integerRange()', literal: { copies: integerRange(1, 2) }, fixed: 0, constrained: 1 },
    { what: 'like() of a map', literal: { copiesByBranch: like({ main: 1 }) }, fixed: 0, constrained: 1 },
    { what: 'a message without fields', literal: { acquireTime: {}, authors: [{}] }, fixed: 2, constrained: 1 },
    {
      what: 'a message and its fields',
      literal: { authors: [{ name: 'x', born: like(1) }] },
      fixed: 2,
      constrained: 1,
    },
    {
      what: 'packed() and its fields',
      literal: { attachment: packed(RefusalSchema, { reason: like('x') }) },
      fixed: 1,
      constrained: 1,
    },
    { what: 'the case of a oneof', literal: { place: { case: 'shelf', value: 'A1' } }, fixed: 1, constrained: 0 },
    { what: 'no case of a oneof', literal: { place: { case: undefined } }, fixed: 2, constrained: 0 },
  ])('fixes $fixed and constrains $constrained values by $what', ({ literal, fixed, constrained }) => {
    expect(rate(literal)).toEqual([fixed, constrained]);
  });

  it('fixes the fields that it does not mention where they have to be unset', () => {
    const all = BookSchema.fields.length;

    expect(rate({}, true)).toEqual([all, 0]);
    expect(rate({ title: like('x') }, true)).toEqual([all - 1, 1]);
    expect(rate({ title: anything() }, true)).toEqual([all - 1, 0]);
    expect(rate({ authors: [{ name: 'x' }] }, true)).toEqual([all - 1 + 3, 0]);
  });

  it.each<{ what: string; literal: HeaderLiteral; fixed: number; constrained: number }>([
    { what: 'a plain value', literal: { 'x-a': '1' }, fixed: 1, constrained: 0 },
    { what: 'absent()', literal: { 'x-a': absent() }, fixed: 1, constrained: 0 },
    { what: 'like()', literal: { 'x-a': like('1') }, fixed: 0, constrained: 1 },
    { what: 'present()', literal: { 'x-a': present('1') }, fixed: 0, constrained: 1 },
    { what: 'regex()', literal: { 'x-a': regex(/1/, '1') }, fixed: 0, constrained: 1 },
    { what: 'anyOf()', literal: { 'x-a': anyOf('1', '2') }, fixed: 0, constrained: 1 },
    { what: 'nothing: other headers are free', literal: {}, fixed: 0, constrained: 0 },
    { what: 'several', literal: { 'x-a': '1', 'x-b': absent(), 'x-c': like('1') }, fixed: 2, constrained: 1 },
  ])('of headers fixes $fixed and constrains $constrained by $what', ({ literal, fixed, constrained }) => {
    expect(specificityOfHeaders(compileHeaders(literal, 'headers'))).toEqual({ fixed, constrained });
  });
});

describe('the most specific candidate', () => {
  const choose = (...ratings: [number, number][]) =>
    chooseMostSpecific(ratings, ([fixed, constrained]) => ({ fixed, constrained }));

  it('fixes the most values, however many others constrain', () => {
    expect(choose([0, 5], [1, 0])).toEqual({ kind: 'one', candidate: [1, 0] });
    expect(choose([1, 0], [0, 5])).toEqual({ kind: 'one', candidate: [1, 0] });
  });

  it('constrains the most values at a tie', () => {
    expect(choose([1, 0], [1, 1])).toEqual({ kind: 'one', candidate: [1, 1] });
  });

  it('is the only one, which is not rated', () => {
    const rateNothing = () => {
      throw new Error('rated');
    };

    expect(chooseMostSpecific(['a'], rateNothing)).toEqual({ kind: 'one', candidate: 'a' });
  });

  it('is ambiguous when two are equally specific, and none without candidates', () => {
    expect(choose([0, 1], [2, 1], [2, 1])).toEqual({
      kind: 'ambiguous',
      candidates: [
        [2, 1],
        [2, 1],
      ],
    });
    expect(choose()).toEqual({ kind: 'none' });
  });
});

describe('stubs and interactions', () => {
  it.each([
    { winner: { bookId: 'b1' }, loser: { bookId: like('b9') } },
    { winner: { bookId: 'b1', withContributors: true }, loser: { bookId: regex(/^b/, 'b9'), withContributors: true } },
    { winner: { bookId: 'b1', withContributors: true }, loser: { bookId: like('b9'), withContributors: like(true) } },
    { winner: { bookId: like('b9'), withContributors: true }, loser: { bookId: anything(), withContributors: true } },
  ])('rank $winner before $loser', ({ winner, loser }) => {
    const request = create(GetBookRequestSchema as DescMessage, {
      bookId: 'b1',
      withContributors: 'withContributors' in winner,
    });
    const interactions = [loser, winner].map((literal, index) => interactionOf(`${index}`, getBook, literal));
    const stubs = [loser, winner].map((literal) => compileRequests(getBook, literal, registry));

    const interaction = new InteractionRegistry(interactions, { registry }).match({
      method: getBook,
      requests: [request],
      header: new Headers(),
    });

    expect(interaction).toBe(interactions[1]);
    expect(chooseMostSpecific(stubs, ({ specificity }) => specificity)).toMatchObject({ candidate: stubs[1] });
  });
});
