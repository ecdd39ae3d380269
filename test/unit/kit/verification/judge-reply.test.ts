// A provider's reply against what its consumer relies on: values, errors by code and details, headers, streams.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { declareCall, declareFailure, declareReply } from '../../../../packages/kit/contract/declare-rpc.ts';
import type { RpcInteraction } from '../../../../packages/kit/contract-file/interaction.ts';
import {
  AuthorSchema,
  GetBookResponseSchema,
  ListBooksResponseSchema,
  RefusalSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { like, regex } from '../../../../packages/kit/matching/matchers.ts';
import { judgeReply } from '../../../../packages/kit/verification/judge-reply.ts';
import { getBook, interactionOf, listBooks, registry } from '../contract/library-interactions.ts';

type Reply = {
  readonly book?: MessageInitShape<typeof GetBookResponseSchema>['book'];
  readonly books?: string[];
  readonly headers?: Record<string, string>;
  readonly trailers?: Record<string, string>;
  readonly error?: ConnectError;
};

function judge(interaction: RpcInteraction, { book, books, headers, trailers, error }: Reply): string[] {
  const single = error ? [] : [create(GetBookResponseSchema, book === undefined ? {} : { book })];
  const list = books?.map((title) => create(ListBooksResponseSchema, { book: { title } }));
  const reply = { messages: list ?? single, headers: new Headers(headers), trailers: new Headers(trailers), error };
  return judgeReply(interaction, reply, registry).map(
    ({ path, expected, actual }) => `${path}: ${expected} / ${actual}`,
  );
}

const answered = interactionOf('a question', getBook, {}, { book: { title: like('Emma'), copies: 0 } });
const refused = declareFailure(declareCall('no book', [], getBook, {}), Code.NotFound, 'no book', [
  { desc: RefusalSchema, value: { reason: 'LOST' } },
]);

function refusal(code: Code, reason?: string, message = 'whatever'): ConnectError {
  const details = reason === undefined ? [] : [{ desc: RefusalSchema, value: { reason } }];
  return new ConnectError(message, code, undefined, details);
}

describe('an answer', () => {
  it('honours what is relied on, and may have more', () => {
    expect(judge(answered, { book: { title: 'Ulysses', rating: 4 } })).toEqual([]);
  });

  it('breaks it by a field dropped, a default changed, a message left out', () => {
    expect(judge(answered, { book: {} })).toEqual(['book.title: a value like "Emma" / ""']);
    expect(judge(answered, { book: { title: 'x', copies: 2 } })).toEqual(['book.copies: 0 / 2']);
    expect(judge(answered, {})).toEqual(['book: a library.v1.Book / nothing']);
  });

  it('breaks it by an error, and nothing more is said', () => {
    expect(judge(answered, { error: refusal(Code.Internal) })).toEqual(['error: none / internal: whatever']);
  });

  it('has the headers and trailers relied on', () => {
    const literal = { headers: { 'x-shelf': 'A1' }, trailers: { 'x-cost': regex(/^\d$/, '0') } };
    const interaction = declareReply(declareCall('x', [], getBook, {}), {}, literal);

    expect(judge(interaction, { headers: { 'x-shelf': 'A1' }, trailers: { 'x-cost': '5' } })).toEqual([]);
    expect(judge(interaction, { headers: { 'x-shelf': 'B1' } })).toEqual([
      'headers["x-shelf"]: "A1" / "B1"',
      'trailers["x-cost"]: a text like /^\\d$/ / nothing',
    ]);
  });
});

describe('an error', () => {
  it('honours what is relied on by code and details, in whatever words', () => {
    expect(judge(refused, { error: refusal(Code.NotFound, 'LOST') })).toEqual([]);
  });

  it('breaks it by another code, another detail, no detail, no error', () => {
    expect(judge(refused, { error: refusal(Code.Internal, 'LOST') })).toEqual([
      'error.code: not_found / internal: whatever',
    ]);
    expect(judge(refused, { error: refusal(Code.NotFound, 'GONE') })).toEqual([
      'error.details[0].reason: "LOST" / "GONE"',
    ]);
    expect(judge(refused, { error: refusal(Code.NotFound) })).toEqual([
      'error.details[0]: a library.v1.Refusal / nothing',
    ]);
    expect(judge(refused, {})).toEqual(expect.arrayContaining(['error: not_found / none']));
  });

  it('is compared by the nearest of several details of one type, wherever it is', () => {
    const interaction = declareFailure(declareCall('x', [], getBook, {}), Code.NotFound, '', [
      { desc: AuthorSchema, value: { name: 'Ada', born: 1815 } },
    ]);
    const [near, far] = [
      { name: 'Ada', born: 1816 },
      { name: 'Eve', born: 1900 },
    ];
    for (const values of [
      [near, far],
      [far, near],
    ]) {
      const details = values.map((value) => ({ desc: AuthorSchema, value }));
      const error = new ConnectError('', Code.NotFound, undefined, details);

      expect(judge(interaction, { error })).toEqual(['error.details[0].born: 1815 / 1816']);
    }
  });

  it('tells the details that there are instead', () => {
    const error = new ConnectError('', Code.NotFound, undefined, [{ desc: AuthorSchema, value: {} }]);

    expect(judge(refused, { error })).toEqual(['error.details[0]: a library.v1.Refusal / library.v1.Author']);
  });

  it('is held to its words where a matcher tells them', () => {
    const interaction = declareFailure(declareCall('x', [], getBook, {}), Code.NotFound, regex(/lost/, 'lost'), []);

    expect(judge(interaction, { error: refusal(Code.NotFound, undefined, 'it is lost') })).toEqual([]);
    expect(judge(interaction, { error: refusal(Code.NotFound, undefined, 'gone') })).toEqual([
      'error.message: a text like /lost/ / "gone"',
    ]);
  });
});

describe('a stream', () => {
  const walk = interactionOf('a walk', listBooks, {}, [{ book: { title: 'Emma' } }, { book: { title: like('x') } }]);

  it('honours what is relied on message by message', () => {
    expect(judge(walk, { books: ['Emma', 'Ulysses'] })).toEqual([]);
    expect(judge(walk, { books: ['Ulysses', 'Emma'] })).toEqual(['responses[0].book.title: "Emma" / "Ulysses"']);
  });

  it('breaks it by too few and too many messages', () => {
    expect(judge(walk, { books: ['Emma'] })).toEqual(['responses: 2 messages / 1']);
    expect(judge(walk, { books: ['Emma', 'x', 'y'] })).toEqual(['responses: 2 messages / 3']);
  });

  it('that ends with an error is judged by what came before it too', () => {
    const broken = declareFailure(walk, Code.Unavailable, 'closing', []);
    const error = refusal(Code.Unavailable);

    expect(judge(broken, { books: ['Emma', 'x'], error })).toEqual([]);
    expect(judge(broken, { books: ['Emma'], error })).toEqual(['responses: 2 messages / 1']);
  });
});
