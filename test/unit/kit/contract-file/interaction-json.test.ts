// An interaction survives its file, and Pact's part of the file says the same as far as Pact can.
import type { DescMethod } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { declareCall, declareFailure, declareReply, detail } from '../../../../packages/kit/contract/declare-rpc.ts';
import type { InteractionJson } from '../../../../packages/kit/contract-file/contract-document.ts';
import type { Interaction } from '../../../../packages/kit/contract-file/interaction.ts';
import { readInteraction, writeInteraction } from '../../../../packages/kit/contract-file/interaction-json.ts';
import { declareEvent } from '../../../../packages/kit/events/declare-event.ts';
import {
  BookLentSchema,
  BookSchema,
  Genre,
  RefusalSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compileHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
import {
  absent,
  anyOf,
  anything,
  eachLike,
  integerRange,
  like,
  packed,
  regex,
  unordered,
} from '../../../../packages/kit/matching/matchers.ts';
import { askLibrarian, getBook, interactionOf, listBooks, registry, schema } from '../contract/library-interactions.ts';

const state = { name: 'book b1 is there', params: { bookId: 'b1' } };

function writeAndRead(interaction: Interaction): [InteractionJson, InteractionJson] {
  const written = writeInteraction(interaction, registry);
  const read = readInteraction(JSON.parse(JSON.stringify(written)) as InteractionJson, schema);
  return [written, writeInteraction(read, registry)];
}

const question = {
  ...declareReply(
    declareCall('a question', [state, { name: 'open', params: {} }], getBook, { bookId: regex(/^b/, 'b1') }),
    { book: { title: like('Emma'), copies: 0 } },
    { headers: { 'X-Shelf': 'A1' }, trailers: { 'x-cost': absent() } },
  ),
  metadata: compileHeaders({ 'x-reader': like('r1') }, 'metadata'),
  deadline: { atMostMs: 500 },
};
const refusal = declareFailure(declareCall('a refusal', [], getBook, {}), Code.NotFound, regex(/book/, 'no book'), [
  detail(RefusalSchema, { reason: like('LOST') }),
]);

describe('an interaction in a file', () => {
  it.each<{ what: string; interaction: Interaction }>([
    { what: 'a call with metadata, deadline and headers', interaction: question },
    { what: 'an error', interaction: refusal },
    {
      what: 'a stream that ends with an error',
      interaction: declareFailure(
        interactionOf('a walk', listBooks, { genre: Genre.FICTION }, [{ book: { title: 'Emma' } }]),
        Code.Unavailable,
        'closing time',
        [],
      ),
    },
    {
      what: 'a conversation',
      interaction: interactionOf(
        'a talk',
        askLibrarian,
        [{ question: 'a' }, { question: 'b' }],
        [{ answer: like('c') }],
      ),
    },
    {
      what: 'an event',
      interaction: declareEvent(
        'lent',
        [state],
        BookLentSchema,
        { bookId: like('b1') },
        { headers: { 'ce-id': like('1') } },
      ),
    },
  ])('is read as it was written: $what', ({ interaction }) => {
    const [written, again] = writeAndRead(interaction);

    expect(again).toEqual(written);
    expect(readInteraction(written, schema)).toMatchObject({
      description: interaction.description,
      states: interaction.states,
    });
  });

  it('names what the schema no longer has', () => {
    const json = writeInteraction(question, registry);
    const change = (ours: object): InteractionJson => ({
      ...json,
      pluginConfiguration: { touchstone: { ...json.pluginConfiguration.touchstone, ...ours } },
    });

    expect(() => readInteraction(json, { ...schema, services: [] })).toThrow(
      '"a question": there is no RPC library.v1.LibraryService/GetBook in "services"',
    );
    expect(() => readInteraction(change({ methodKind: 'server_streaming' }), schema)).toThrow(
      'is unary, not server_streaming',
    );
    expect(() => readInteraction(change({ responses: [{ message: { titel: 1 }, rules: {} }] }), schema)).toThrow(
      '"a question": titel: library.v1.GetBookResponse has no field "titel"',
    );
    expect(() => readInteraction({ ...json, pluginConfiguration: {} } as never, schema)).toThrow(
      'pluginConfiguration.touchstone',
    );
  });
});

describe('the Pact part of a file', () => {
  it('is a POST of Connect JSON that leaves defaults out, with the rules that Pact has', () => {
    const { type, providerStates, request, response } = writeInteraction(question, registry);

    expect([type, providerStates]).toEqual(['Synchronous/HTTP', [state, { name: 'open' }]]);
    expect(request).toEqual({
      method: 'POST',
      path: '/library.v1.LibraryService/GetBook',
      headers: { 'content-type': ['application/json'], 'connect-timeout-ms': ['500'], 'x-reader': ['r1'] },
      body: { content: { bookId: 'b1' }, contentType: 'application/json', encoded: false },
      matchingRules: {
        body: { '$.bookId': { combine: 'AND', matchers: [{ match: 'regex', regex: '[\\s\\S]*(?:^b)[\\s\\S]*' }] } },
        header: {
          'connect-timeout-ms': { combine: 'AND', matchers: [{ match: 'regex', regex: '^\\d+$' }] },
          'x-reader': { combine: 'AND', matchers: [{ match: 'type' }] },
        },
      },
    });
    expect(response).toMatchObject({
      status: 200,
      headers: { 'content-type': ['application/json'], 'x-shelf': ['A1'] },
      body: { content: { book: { title: 'Emma' } } },
      matchingRules: { body: { '$.book.title': { matchers: [{ match: 'type' }] } } },
    });
  });

  it('is the HTTP status and the JSON of an error', () => {
    expect(writeInteraction(refusal, registry).response).toMatchObject({
      status: 404,
      body: {
        content: {
          code: 'not_found',
          message: 'no book',
          details: [{ type: 'library.v1.Refusal', value: 'CgRMT1NU' }],
        },
      },
    });
  });

  it('has the details of an error in base64 without padding, as Connect writes it', () => {
    const failure = declareFailure(declareCall('a loss', [], getBook, {}), Code.NotFound, 'no book', [
      detail(RefusalSchema, { reason: 'AWAY!' }),
    ]);

    expect(writeInteraction(failure, registry).response).toMatchObject({
      body: { content: { details: [{ value: 'CgVBV0FZIQ' }] } },
    });
  });

  it('has what is packed in a request', () => {
    const giveBook = { ...getBook, input: BookSchema } as unknown as DescMethod;
    const gift = interactionOf('a gift', giveBook, { attachment: packed(RefusalSchema, { reason: 'FULL' }) });

    expect(writeInteraction(gift, registry).request).toMatchObject({
      body: { content: { attachment: { '@type': 'type.googleapis.com/library.v1.Refusal', reason: 'FULL' } } },
    });
  });

  it('is each rule in its own words', () => {
    const interaction = interactionOf(
      'rules',
      getBook,
      {},
      {
        book: {
          copies: integerRange(1, 5),
          catalogueNumber: integerRange(1n, 5n),
          genre: anyOf(Genre.FICTION, Genre.SCIENCE),
          authors: eachLike({ name: regex(/^a/i, 'Ada') }, { atMost: 3 }),
          keywords: unordered(['x', 'y']),
          copiesByBranch: { 'main hall': like(1) },
          subtitle: absent(),
        },
      },
    );
    const { matchingRules } = writeInteraction(interaction, registry).response as { matchingRules: { body: object } };
    const matchers = Object.entries(matchingRules.body).map(([path, rule]) => [path, rule.matchers[0]]);

    expect(Object.fromEntries(matchers)).toEqual({
      '$.book.copies': { match: 'integer' },
      '$.book.catalogueNumber': { match: 'regex', regex: '^-?\\d+$' },
      '$.book.genre': { match: 'regex', regex: '^(GENRE_FICTION|GENRE_SCIENCE)$' },
      '$.book.authors': { match: 'type', min: 1, max: 3 },
      '$.book.authors[*].name': { match: 'regex', regex: '(?i)[\\s\\S]*(?:^a)[\\s\\S]*' },
      '$.book.keywords': {
        match: 'arrayContains',
        variants: [
          { index: 0, rules: {}, generators: {} },
          { index: 1, rules: {}, generators: {} },
        ],
      },
      "$.book.copiesByBranch['main hall']": { match: 'type' },
    });
  });

  it('lacks what an answer may leave out, for Pact would miss it', () => {
    const book = {
      title: regex(/x?/, 'x'),
      copies: integerRange(0, 5, 3),
      genre: anyOf(Genre.FICTION, Genre.UNSPECIFIED),
      lendable: like(true),
      rating: anything(4),
      keywords: eachLike('x', { atLeast: 0 }),
      subtitle: regex(/x?/, 'x'),
      authors: [{ name: 'Ada', born: integerRange(0, 2000) }],
    };
    const { response } = writeInteraction(interactionOf('unset', getBook, {}, { book }), registry);

    expect(response).toMatchObject({ body: { content: { book: { subtitle: 'x', authors: [{ name: 'Ada' }] } } } });
    expect(Object.keys((response as { body: { content: { book: object } } }).body.content.book)).toEqual([
      'subtitle',
      'authors',
    ]);
  });

  it('is a list of messages where RPCs stream, which HTTP tools pass over', () => {
    const { type, pending, request, response } = writeInteraction(
      interactionOf('a talk', askLibrarian, [{ question: 'a' }], [{ answer: 'b' }, { answer: 'c' }]),
      registry,
    );

    expect([type, pending]).toEqual(['Synchronous/Messages', true]);
    expect([request, response]).toMatchObject([
      { contents: { content: [{ question: 'a' }] } },
      [{ contents: { content: { answer: 'b' } } }, { contents: { content: { answer: 'c' } } }],
    ]);
  });
});
