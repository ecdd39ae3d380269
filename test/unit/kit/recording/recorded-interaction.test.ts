// Exchanges as interactions: the order of their answers, and the collapse of duplicates.
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import type { IncomingCall } from '../../../../packages/kit/contract/interaction-registry.ts';
import {
  GetBookRequestSchema,
  type GetBookResponse,
  GetBookResponseSchema,
  LibraryService,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createExample } from '../../../../packages/kit/matching/example-message.ts';
import { collapseExchanges } from '../../../../packages/kit/recording/collapse-exchanges.ts';
import type { RecordedExchange } from '../../../../packages/kit/recording/exchange.ts';
import { FieldRules } from '../../../../packages/kit/recording/field-rules.ts';
import type { PatternChoices } from '../../../../packages/kit/recording/message-pattern.ts';
import { describeExchange, methodsOf, toInteraction } from '../../../../packages/kit/recording/recorded-interaction.ts';
import { ReplayRegistry } from '../../../../packages/kit/recording/replay-registry.ts';
import { exchangeOf, registry } from './library-recording.ts';

const { getBook } = LibraryService.method;

function read(exchange: RecordedExchange, loosen: readonly string[] = []) {
  const choices: PatternChoices = {
    registry,
    redactedAs: 'like',
    placeholders: new Map(),
    loosened: new FieldRules(loosen, registry, 'loosen'),
    includesDefaults: false,
  };
  return toInteraction(exchange, {
    methods: methodsOf([LibraryService]),
    description: describeExchange(exchange),
    states: [],
    requests: choices,
    responses: choices,
    includesHeader: () => true,
  });
}

const answers = (title: string, bookId = 'b1') => exchangeOf({ bookId }, { book: { title } });
const callOf = (bookId: string): IncomingCall => ({
  method: getBook,
  requests: [create(GetBookRequestSchema, { bookId })],
  header: new Headers(),
});

describe('recorded exchanges that answer', () => {
  const open = () =>
    new ReplayRegistry(
      ['Emma', 'Evelina'].map((title) => read(answers(title))),
      registry,
    );
  const titleOf = (interaction: ReturnType<typeof read>) =>
    (createExample(GetBookResponseSchema, interaction.responses[0] as never) as GetBookResponse).book?.title;

  it('answer equal calls in turn, and then with the last answer again', () => {
    const exchanges = open();

    const titles = [1, 2, 3].map(() => titleOf(exchanges.match(callOf('b1'))));

    expect(titles).toEqual(['Emma', 'Evelina', 'Evelina']);
  });

  it('take one turn for a conversation, however often it is matched', () => {
    const exchanges = open();
    const call = callOf('b1');

    const first = [exchanges.matchPartially(call), exchanges.matchPartially(call), exchanges.match(call)].map(
      (found) => found && titleOf(found),
    );

    expect(first).toEqual(['Emma', 'Emma', 'Emma']);
    expect(titleOf(exchanges.match(callOf('b1')))).toBe('Evelina');
  });

  it('match no other call, whose error names the nearest', () => {
    const exchanges = open();

    expect(() => exchanges.match(callOf('b2'))).toThrow(
      'nearest is "GetBook {"bookId":"b1"}", but bookId is "b2", not "b1"',
    );
  });
});

describe('a recorded exchange', () => {
  it('ends with the recorded error and its readable details', () => {
    const error = {
      code: 'not_found',
      message: { redacted: true as const },
      details: [{ type: 'library.v1.Refusal', message: { reason: 'GONE' } }, { type: 'acme.Secret' }],
    };

    const { failure } = read(
      exchangeOf(
        {},
        {},
        { response: { headers: {}, messages: [], trailers: { 'x-token': { redacted: true } }, error } },
      ),
    );

    expect(failure).toMatchObject({ code: Code.NotFound, message: { kind: 'like', example: 'redacted' } });
    expect(failure?.details.map(({ desc }) => desc.typeName)).toEqual(['library.v1.Refusal']);
  });

  it.each([
    [
      { rpc: 'library.v1.LibraryService/Burn' },
      'exchange 4: there is no RPC library.v1.LibraryService/Burn in "services"',
    ],
    [{ request: { headers: {}, messages: [{ message: { pages: 3 } }] } }, 'exchange 4: cannot decode'],
  ])('that the schema does not fit any more is an error with its number: %j', (change, fault) => {
    expect(() => read(exchangeOf({}, {}, { number: 4, ...change }))).toThrow(fault);
  });
});

describe('exchanges of one call', () => {
  const collapse = (exchanges: RecordedExchange[], loosen: readonly string[] = []) =>
    collapseExchanges(exchanges, (exchange) => read(exchange, loosen), { registry, isLoose: loosen.length > 0 });

  it('are one interaction if their answers are equal', () => {
    const interactions = collapse([answers('Emma'), answers('Emma'), answers('Emma', 'b2')]);

    expect(interactions.map(({ description }) => description)).toEqual([
      'GetBook {"bookId":"b1"}',
      'GetBook {"bookId":"b2"}',
    ]);
  });

  it('are an error that names both if their answers differ', () => {
    const exchanges = [answers('Emma'), { ...answers('Evelina'), number: 2 }];

    expect(() => collapse(exchanges)).toThrow(
      'exchanges 1 and 2, GetBook {"bookId":"b1"}, answer the same call differently: select one of them, give them ' +
        'different states with "given", or name the fields that may differ in "loosen"\n  book.title\n    expected "Emma"\n    actual   "Evelina"',
    );
  });

  it('are one interaction if only loosened values of requests and responses differ', () => {
    const exchanges = [answers('Emma'), answers('Evelina'), answers('Ulysses', 'b2')];

    expect(collapse(exchanges, ['library.v1.Book.title'])).toHaveLength(2);
    expect(collapse(exchanges, ['library.v1.Book.title', 'library.v1.GetBookRequest.book_id'])).toHaveLength(1);
  });

  it('are two interactions if their headers or the number of their requests differ, whatever is loosened', () => {
    const loosen = ['library.v1.GetBookRequest.book_id', 'library.v1.ReturnBooksRequest.book_id'];
    const ofReader = (reader: string, title: string) => {
      const { request, ...rest } = answers(title);
      return { ...rest, request: { ...request, headers: { 'x-reader': reader } } };
    };
    const returning = (...bookIds: string[]) =>
      exchangeOf(
        {},
        { count: bookIds.length },
        {
          rpc: 'library.v1.LibraryService/ReturnBooks',
          request: { headers: {}, messages: bookIds.map((bookId) => ({ message: { bookId } })) },
        },
      );

    expect(collapse([ofReader('r1', 'Emma'), ofReader('r2', 'Evelina')], loosen)).toHaveLength(2);
    expect(collapse([returning('b1', 'b2'), returning('b3')], loosen)).toHaveLength(2);
  });
});
