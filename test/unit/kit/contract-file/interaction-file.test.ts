// Each part of an interaction's place in a file, to the letter: our own section and Pact's.
import type { JsonObject } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { declareCall, declareFailure, declareReply, detail } from '../../../../packages/kit/contract/declare-rpc.ts';
import type { InteractionJson } from '../../../../packages/kit/contract-file/contract-document.ts';
import type { Interaction } from '../../../../packages/kit/contract-file/interaction.ts';
import { readInteraction, writeInteraction } from '../../../../packages/kit/contract-file/interaction-json.ts';
import { toPactRules } from '../../../../packages/kit/contract-file/pact-rules.ts';
import { declareEvent } from '../../../../packages/kit/events/declare-event.ts';
import {
  BookLentSchema,
  Genre,
  RefusalSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { entryPath } from '../../../../packages/kit/matching/difference.ts';
import { compileHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
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
} from '../../../../packages/kit/matching/matchers.ts';
import { askLibrarian, getBook, interactionOf, listBooks, registry, schema } from '../contract/library-interactions.ts';

const write = (interaction: Interaction) => writeInteraction(interaction, registry);
const ours = (interaction: Interaction) => write(interaction).pluginConfiguration.touchstone;
const call = declareCall('a call', [], getBook, {});
const method = {
  rpc: 'library.v1.LibraryService/GetBook',
  methodKind: 'unary',
  requestType: 'library.v1.GetBookRequest',
  responseType: 'library.v1.GetBookResponse',
};
const nothing = { message: {}, rules: {} };

describe('our own section', () => {
  it('has only what was stated', () => {
    expect(ours(declareReply(call, {}, {}))).toStrictEqual({ ...method, requests: [nothing], responses: [nothing] });
    expect(write(call)).not.toHaveProperty('providerStates');
  });

  it.each([
    [{ atMostMs: undefined }, {}],
    [{ atMostMs: 500 }, { atMostMs: 500 }],
  ])('has the deadline %o as %o', (deadline, written) => {
    expect(ours({ ...call, deadline }).deadline).toStrictEqual(written);
  });

  it('has metadata, headers and trailers by name', () => {
    const replied = declareReply(call, {}, { headers: { 'x-shelf': 'A1' }, trailers: { 'x-cost': '1' } });
    const interaction = { ...replied, metadata: compileHeaders({ 'x-reader': 'r1' }, 'metadata') };

    expect(ours(interaction)).toMatchObject({
      metadata: { 'x-reader': 'r1' },
      responseHeaders: { 'x-shelf': 'A1' },
      responseTrailers: { 'x-cost': '1' },
    });
    expect(readInteraction(write(interaction), schema)).toEqual(interaction);
  });

  it.each<[string, object, string]>([
    ['metadata', { metadata: { a: { match: 'rhymes' } } }, 'metadata["a"]: this version knows no rule'],
    ['headers', { responseHeaders: { a: { match: 'rhymes' } } }, 'responseHeaders["a"]: this version knows no rule'],
    ['trailers', { responseTrailers: { a: { match: 'rhymes' } } }, 'responseTrailers["a"]: this version knows no rule'],
    ['an error message', { error: { code: 'internal', message: { match: 'x' } } }, 'error["message"]: this version'],
    ['an error code', { error: { code: 'broken' } }, 'error.code: "broken" is no code'],
    [
      'a detail',
      { error: { code: 'internal', details: [{ type: 'shop.Cart', ...nothing }] } },
      'there is no message shop.Cart; name it in "types"',
    ],
    ['an event', { event: 'shop.Sold' }, 'there is no message shop.Sold; name it in "types"'],
    [
      'the headers of an event',
      { event: 'library.v1.BookLent', headers: { a: { match: 'rhymes' } }, body: nothing },
      'headers["a"]: this version knows no rule',
    ],
  ])('is refused with the place of what cannot be read: %s', (_, change, fault) => {
    const json: InteractionJson = write(call);
    const changed = { ...json, pluginConfiguration: { touchstone: { ...ours(call), ...change } } } as InteractionJson;

    expect(() => readInteraction(changed, schema)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(`"a call": ${fault}`), cause: expect.any(Error) }),
    );
  });
});

describe('an event', () => {
  it('is read as an event, and is a pending message of bytes to Pact', () => {
    const headers = { 'ce-id': like('1') };
    const event = declareEvent('lent', [], BookLentSchema, { bookId: 'b1' }, { subject: 'library.lent', headers });
    const { pluginConfiguration, ...pact } = write(event);

    expect(pluginConfiguration.touchstone).toMatchObject({ event: 'library.v1.BookLent', subject: 'library.lent' });
    expect(pact).toStrictEqual({
      type: 'Asynchronous/Messages',
      description: 'lent',
      pending: true,
      contents: {
        content: 'CgJiMQ==',
        contentType: 'application/protobuf',
        contentTypeHint: 'BINARY',
        encoded: 'base64',
      },
      metadata: { subject: 'library.lent', 'ce-id': '1' },
      matchingRules: { metadata: { 'ce-id': { combine: 'AND', matchers: [{ match: 'type' }] } } },
    });
    expect(readInteraction(write(event), schema)).toEqual(event);
  });
});

describe('Pact’s part of a call', () => {
  const json = 'application/json';

  it('has an error with its message, its details and rules that other words satisfy', () => {
    const failure = declareFailure(call, Code.NotFound, 'no book', [detail(RefusalSchema, { reason: 'LOST_' })]);
    const matcher = (rule: object) => ({ combine: 'AND', matchers: [rule] });

    expect(write(failure).response).toStrictEqual({
      status: 404,
      headers: { 'content-type': [json] },
      body: {
        content: {
          code: 'not_found',
          message: 'no book',
          details: [{ type: 'library.v1.Refusal', value: 'CgVMT1NUXw' }],
        },
        contentType: json,
        encoded: false,
      },
      matchingRules: {
        body: {
          '$.message': matcher({ match: 'type' }),
          '$.details': matcher({
            match: 'arrayContains',
            variants: [{ index: 0, rules: { '$.value': matcher({ match: 'type' }) }, generators: {} }],
          }),
        },
        header: {},
      },
    });
  });

  it.each([
    ['', { code: 'internal' }],
    [absent(), { code: 'internal' }],
  ])('has neither message nor details where an error has none (%o)', (message, content) => {
    const { response } = write(declareFailure(call, Code.Internal, message, []));

    expect((response as { body: { content: object } }).body.content).toStrictEqual(content);
    expect(response).toMatchObject({ matchingRules: { body: { '$.message': {} } } });
    expect(Object.keys((response as { matchingRules: { body: object } }).matchingRules.body)).toEqual(['$.message']);
  });

  it('has trailers as headers, and headers with a choice as an expression', () => {
    const headers = { 'x-mode': anyOf('a.b', 'c+d') };
    const { response } = write(declareReply(call, {}, { headers, trailers: { 'x-cost': '1' } }));

    expect(response).toMatchObject({
      headers: { 'content-type': [json], 'x-mode': ['a.b'], 'trailer-x-cost': ['1'] },
      matchingRules: {
        header: { 'x-mode': { matchers: [{ match: 'regex', regex: String.raw`^(a\.b|c\+d)$` }] } },
      },
    });
  });

  it('has the one request of a server stream as it is, those of a client stream as a list', () => {
    const contents = (content: unknown) => ({ contents: { content, contentType: json, encoded: false } });

    expect(write(interactionOf('a walk', listBooks, { genre: Genre.FICTION }, [])).request).toStrictEqual(
      contents({ genre: 'GENRE_FICTION' }),
    );
    expect(write(interactionOf('a talk', askLibrarian, [{ question: 'a' }], [])).request).toStrictEqual(
      contents([{ question: 'a' }]),
    );
  });

  it('has what is packed, in an answer and in a stream of answers', () => {
    const book = { attachment: packed(RefusalSchema, { reason: like('LOST') }) };
    const attachment = { '@type': 'type.googleapis.com/library.v1.Refusal', reason: 'LOST' };

    expect(write(interactionOf('one', getBook, {}, { book })).response).toMatchObject({
      body: { content: { book: { attachment } } },
    });
    expect(write(interactionOf('many', listBooks, {}, [{ book }])).response).toMatchObject([
      { contents: { content: { book: { attachment } } } },
    ]);
  });
});

describe('what an answer may leave out', () => {
  const mayBeZero = integerRange(0, 9, 5);

  it.each<[string, object, object]>([
    ['a number that may be zero', { copies: mayBeZero }, {}],
    ['a number that may be zero at most', { copies: integerRange(-9, 0) }, {}],
    ['a number above zero', { copies: integerRange(1, 9) }, { copies: 1 }],
    ['a number below zero', { copies: integerRange(-9, -1) }, { copies: -9 }],
    ['a text that may be empty', { title: like('') }, {}],
    ['a text that may match nothing', { title: regex(/^x?$/, 'x') }, {}],
    ['a choice with the default', { copies: anyOf(3, 0) }, {}],
    ['anything', { acquireTime: anything({ seconds: 1n }) }, {}],
    ['a field with presence', { subtitle: like('') }, { subtitle: '' }],
    ['a list that may be empty', { keywords: eachLike('x', { atLeast: 0 }) }, {}],
    ['a list', { keywords: eachLike('x') }, { keywords: ['x'] }],
    ['a number in an element', { authors: [{ name: 'Ada', born: mayBeZero }] }, { authors: [{ name: 'Ada' }] }],
    [
      'a number in each element',
      { authors: eachLike({ name: 'Ada', born: mayBeZero }) },
      { authors: [{ name: 'Ada' }] },
    ],
    [
      'a number in an entry',
      { contributors: { editor: { name: 'Ada', born: mayBeZero } } },
      { contributors: { editor: { name: 'Ada' } } },
    ],
    [
      'a number in each entry',
      { contributors: like({ editor: { name: 'Ada', born: mayBeZero } }) },
      { contributors: { editor: { name: 'Ada' } } },
    ],
    [
      'a text in what is packed',
      { attachment: packed(RefusalSchema, { reason: regex(/^x?$/, 'x') }) },
      { attachment: { '@type': 'type.googleapis.com/library.v1.Refusal' } },
    ],
  ])('is left out of Pact’s example: %s', (_, book, content) => {
    const { response } = write(interactionOf('a book', getBook, {}, { book }));

    expect((response as { body: { content: object } }).body.content).toStrictEqual({ book: content });
  });
});

describe('Pact’s rules', () => {
  it.each([
    ['present', { match: 'present' }, { match: 'type' }],
    ['anything', { match: 'anything' }, { match: 'type' }],
    ['a list without an upper limit', { match: 'each', least: 2 }, { match: 'type', min: 2 }],
    ['each entry of a map', { match: 'each' }, { match: 'type' }],
    [
      'values with characters of expressions',
      { match: 'anyOf', values: ['a.b', '(c)'] },
      { match: 'regex', regex: String.raw`^(a\.b|\(c\))$` },
    ],
  ])('have %s as %o', (_, rule, matcher) => {
    expect(toPactRules({ message: {}, rules: { title: rule } })).toStrictEqual({
      '$.title': { combine: 'AND', matchers: [matcher] },
    });
  });

  it.each([
    ['say "x"', `$.m['say "x"']`],
    ['back\\slash', `$.m['back\\slash']`],
    ['two\nlines', `$.m['two\nlines']`],
    ['a.b[0]', `$.m['a.b[0]']`],
  ])('have the key of a map as it is: %o', (key, path) => {
    const rules = { [entryPath('m', key)]: { match: 'regex', regex: '^x', flags: 'i' } };

    expect(toPactRules({ message: {}, rules })).toEqual({
      [path]: { combine: 'AND', matchers: [{ match: 'regex', regex: '(?i)[\\s\\S]*(?:^x)[\\s\\S]*' }] },
    });
  });

  it.each(['', "it's", "']"])('have every key of a map for one that no path of Pact can name: %o', (key) => {
    const rules = { [`${entryPath('book.m', key)}.name`]: { match: 'regex', regex: '^x', flags: '' } };

    expect(toPactRules({ message: {}, rules })).toEqual({
      '$.book.m.*': { combine: 'AND', matchers: [{ match: 'type' }] },
    });
  });

  it.each(['^(?=x)', '(?<!x)y', String.raw`(a)\1`, '[^]'])(
    'accept every text for an expression that Pact does not know: %s',
    (regex) => {
      expect(toPactRules({ message: {}, rules: { title: { match: 'regex', regex, flags: '' } } })).toEqual({
        '$.title': { combine: 'AND', matchers: [{ match: 'type' }] },
      });
    },
  );

  it.each<[string, JsonObject]>([
    ['keywords', { keywords: ['x', 'y'] }],
    ['rooms["a.b[0]"].keywords', { rooms: { 'a.b[0]': { keywords: ['x', 'y'] } } }],
    ['shelves[*].keywords', { shelves: [{ keywords: ['x', 'y'] }] }],
    ['shelves[1].keywords', { shelves: [{}, { keywords: ['x', 'y'] }] }],
    ['rooms["main hall"].keywords', { rooms: { 'main hall': { keywords: ['x', 'y'] } } }],
  ])('have one variant for each element of the unordered list %s', (path, message) => {
    const [rule] = Object.values(toPactRules({ message, rules: { [path]: { match: 'unordered' } } }));

    expect(rule).toMatchObject({ matchers: [{ match: 'arrayContains', variants: [{ index: 0 }, { index: 1 }] }] });
  });

  it('have nothing for what is stated as absent, or by its value', () => {
    const headers = { 'x-a': '1', 'x-b': present('1') };
    const { response } = write(declareReply(call, { book: { subtitle: absent() } }, { headers }));

    expect(response).toMatchObject({ headers: { 'x-a': ['1'], 'x-b': ['1'] } });
    expect((response as { matchingRules: object }).matchingRules).toStrictEqual({
      body: {},
      header: { 'x-b': { combine: 'AND', matchers: [{ match: 'type' }] } },
    });
  });
});
