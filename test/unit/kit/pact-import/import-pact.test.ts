// Whole files of Pact and its protobuf plugin: calls, errors, events, and what is not carried over.
import { create, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { parseDocument } from '../../../../packages/kit/contract-file/contract-document.ts';
import type { EventInteraction, RpcInteraction } from '../../../../packages/kit/contract-file/interaction.ts';
import {
  BookLentSchema,
  GetBookRequestSchema,
  GetBookResponseSchema,
  LibraryService,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { importPact } from '../../../../packages/kit/pact-import/import-pact.ts';
import { parsePactDocument } from '../../../../packages/kit/pact-import/pact-document.ts';
import { callOf, contentsOf, eventOf, pactFile } from './pact-files.ts';

const request = contentsOf(GetBookRequestSchema, { bookId: 'b1' });
const response = contentsOf(GetBookResponseSchema, { book: { title: 'Emma' } });
const none = new Uint8Array();

function importOf(interactions: readonly JsonObject[], subjects: Record<string, string> = {}) {
  const document = parsePactDocument(pactFile(interactions), 'reader-library.json');
  const { interactions: imported, notes } = importPact(
    document,
    'reader-library.json',
    new Map(Object.entries(subjects)),
  );
  return { imported: imported.map(({ interaction }) => interaction), notes };
}

function rpcOf(interaction: JsonObject): RpcInteraction & { readonly notes: readonly string[] } {
  const { imported, notes } = importOf([interaction]);
  return { ...(imported[0] as RpcInteraction), notes };
}

/** An answer that is an error, as the plugin writes it. */
const errorOf = (metadata: Record<string, string>, rules = {}) =>
  contentsOf(GetBookResponseSchema, none, {}, metadata, rules);

describe('a call in a Pact file', () => {
  it('has its method, its states, its request and its answer', () => {
    const providerStates = [{ name: 'book b1 is there', params: { copies: 2 } }, { name: 'it is open' }];
    const imported = rpcOf(callOf(request, response, { providerStates }));

    expect(imported).toMatchObject({
      kind: 'rpc',
      description: 'a question for a book',
      states: [
        { name: 'book b1 is there', params: { copies: 2 } },
        { name: 'it is open', params: {} },
      ],
      metadata: {},
      failure: undefined,
      notes: [],
    });
    expect(imported.method.name).toBe('GetBook');
    expect([imported.requests.length, imported.responses.length]).toEqual([1, 1]);
  });

  it.each([LibraryService.typeName, '.library.v1.LibraryService', 'LibraryService'])('is found as %s', (name) => {
    const { protobuf } = callOf(request, response).pluginConfiguration as { protobuf: JsonObject };
    const pluginConfiguration = { protobuf: { ...protobuf, service: `${name}/GetBook` } };

    expect(rpcOf(callOf(request, response, { pluginConfiguration })).method.name).toBe('GetBook');
  });

  it('of a conversation has every answer', () => {
    const { input, output, parent } = LibraryService.method.askLibrarian;
    const asking = contentsOf(input, { question: 'a' });
    const answers = ['1', '2'].map((answer) => contentsOf(output, { answer }));
    const { protobuf } = callOf(asking, asking).pluginConfiguration as { protobuf: JsonObject };
    const pluginConfiguration = { protobuf: { ...protobuf, service: `${parent.typeName}/AskLibrarian` } };

    const { responses, notes } = rpcOf(callOf(asking, asking, { pluginConfiguration, response: answers }));

    expect([responses.length, notes]).toEqual([2, []]);
  });

  it('has metadata with rules', () => {
    const metadata = { 'X-Reader': 'r1', trace: 'abc', count: '3', price: '1.5', flag: 'true', other: 'x' };
    const rules = {
      'X-Reader': { match: 'type' },
      trace: { match: 'regex', regex: '[a-z]+' },
      count: { match: 'integer' },
      price: { match: 'decimal' },
      flag: { match: 'boolean' },
    };
    const imported = rpcOf(callOf(contentsOf(GetBookRequestSchema, { bookId: 'b1' }, {}, metadata, rules), response));

    expect(imported.metadata).toEqual({
      'x-reader': { kind: 'like', example: 'r1' },
      trace: { kind: 'regex', expression: /^(?:[a-z]+)$/, example: 'abc' },
      count: { kind: 'regex', expression: /^-?\d+$/, example: '3' },
      price: { kind: 'regex', expression: /^-?\d+(\.\d+)?$/, example: '1.5' },
      flag: { kind: 'regex', expression: /^(true|false)$/, example: 'true' },
      other: { kind: 'equal', example: 'x' },
    });
  });

  it.each([
    ['NOT_FOUND', Code.NotFound],
    ['CANCELLED', Code.Canceled],
    ['1', Code.Canceled],
    ['5', Code.NotFound],
    ['16', Code.Unauthenticated],
  ])('that ends with %s has an error, its message and its trailers', (status, code) => {
    const imported = rpcOf(
      callOf(request, errorOf({ 'grpc-status': status, 'grpc-message': 'no book', 'x-hint': 'b2' })),
    );

    expect(imported.failure).toEqual({ code, message: { kind: 'anyOf', values: ['no book'] }, details: [] });
    expect([imported.responses, imported.responseHeaders, imported.notes]).toEqual([[], {}, []]);
    expect(imported.responseTrailers).toEqual({ 'x-hint': { kind: 'equal', example: 'b2' } });
  });

  it('has a message of the error that follows its rule, or any without one', () => {
    const metadata = { 'grpc-status': 'NOT_FOUND', 'grpc-message': 'no book' };
    const ruled = rpcOf(callOf(request, errorOf(metadata, { 'grpc-message': { match: 'type' } })));
    const silent = rpcOf(callOf(request, errorOf({ 'grpc-status': 'NOT_FOUND' })));

    expect(ruled.failure?.message).toEqual({ kind: 'like', example: 'no book' });
    expect(silent.failure?.message).toEqual({ kind: 'equal', example: '' });
  });

  it.each(['OK', '0'])('that ends with %s has no error', (status) => {
    const answer = contentsOf(GetBookResponseSchema, { book: { title: 'Emma' } }, {}, { 'grpc-status': status });

    expect(rpcOf(callOf(request, answer)).failure).toBeUndefined();
  });

  it('takes values of provider states', () => {
    const generators = {
      body: {
        '$.book_id': { type: 'ProviderState', expression: `\${bookId}`, dataType: 'STRING' },
        '$.with_contributors': { type: 'RandomBoolean' },
      },
    };
    const { requests, notes } = rpcOf(callOf({ ...request, generators }, response));

    expect(requests[0]?.fields[0]?.pattern).toEqual({ kind: 'equal', example: 'b1', fromState: 'bookId' });
    expect(notes).toEqual([
      '"a question for a book": request: $.with_contributors: the generator "RandomBoolean" is left out: the example is sent',
    ]);
  });
});

describe('an event in a Pact file', () => {
  const contents = contentsOf(
    BookLentSchema,
    { bookId: 'b1', version: '3' },
    { '$.version': { match: 'integer' } },
    { 'ce-type': 'lent' },
  );
  const eventIn = (change: JsonObject, subjects: Record<string, string>) => {
    const { imported, notes } = importOf([eventOf(BookLentSchema, { ...contents, ...change })], subjects);
    return { ...(imported[0] as EventInteraction), notes };
  };

  it('has the name of its message as subject, and says so', () => {
    const event = eventIn({}, {});

    expect(event).toMatchObject({
      kind: 'event',
      subject: 'library.v1.BookLent',
      headers: { 'ce-type': { kind: 'equal', example: 'lent' } },
    });
    expect(event.notes).toEqual(['"a book was lent": its subject is library.v1.BookLent, as Pact has none']);
  });

  it('has the subject that is given for its type, in its metadata, or for all', () => {
    const metadata = { metadata: { contentType: 'application/protobuf', subject: 'from.metadata' } };
    const subjects = { '*': 'all', 'library.v1.BookLent': 'library.lent' };

    expect(eventIn(metadata, subjects).subject).toBe('library.lent');
    expect(eventIn(metadata, { '*': 'all' })).toMatchObject({ subject: 'from.metadata', headers: {} });
    expect(eventIn({}, { '*': 'all' })).toMatchObject({ subject: 'all', notes: [] });
  });
});

describe('the descriptors of a Pact file', () => {
  const fileOf = (name: string) =>
    create(FileDescriptorProtoSchema, { name: `${name}.proto`, package: name, messageType: [{ name: 'Shop' }] });
  const setOf = (...names: string[]) =>
    Buffer.from(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: names.map(fileOf) })));
  const importEvents = (sets: Record<string, Buffer>, events: readonly (readonly [key: string, message: string])[]) => {
    const descriptors = new Map(Object.entries(sets).map(([key, set]) => [key, set.toString('base64')]));
    const interactions = events.map(([descriptorKey, message]) => ({
      type: 'Asynchronous/Messages',
      description: message,
      pluginConfiguration: { protobuf: { descriptorKey, message } },
    }));
    const { interactions: imported } = importPact(
      { consumer: 'Reader', provider: 'Library', interactions, descriptors },
      'reader-library.json',
      new Map(),
    );
    return imported.map(({ interaction }) => (interaction as EventInteraction).desc.typeName);
  };

  it('are those of each interaction', () => {
    const sets = { one: setOf('a'), two: setOf('b') };

    expect(
      importEvents(sets, [
        ['one', 'a.Shop'],
        ['two', 'b.Shop'],
      ]),
    ).toEqual(['a.Shop', 'b.Shop']);
  });

  it('have a full name before one that only ends with it', () => {
    expect(importEvents({ one: setOf('b.a', 'a') }, [['one', '.a.Shop']])).toEqual(['a.Shop']);
    expect(() => importEvents({ one: setOf('b.a', 'a') }, [['one', 'Shop']])).toThrow('is one of b.a.Shop, a.Shop');
  });
});

describe('what a contract cannot have', () => {
  const requestWith = (generator: JsonObject) => ({
    request: { ...request, generators: { body: { '$.book_id': generator } } },
  });

  it.each([
    [{ pending: true }, '"pending" is left out: the interaction counts when the provider is verified'],
    [{ comments: { text: ['slow'], testname: 'x' } }, '"comments" are left out: text'],
    [{ response: [response, response] }, '1 more answers are left out'],
    [
      { response: [contentsOf(GetBookResponseSchema, { book: {} }, {}, { 'grpc-status': 'ABORTED' })] },
      'the message of an answer that fails is left out',
    ],
    [
      { response: [errorOf({ 'grpc-status': 'ABORTED' }, { 'grpc-status': { match: 'type' } })] },
      'response: the rule "type" of grpc-status',
    ],
    [
      requestWith({ type: 'ProviderState', expression: `b-\${id}` }),
      'request: $.book_id: the generator "ProviderState" is left out: the example is sent',
    ],
    [
      requestWith({ type: 'MockServerURL', expression: `\${id}` }),
      'request: $.book_id: the generator "MockServerURL" is left out: the example is sent',
    ],
  ])('is named: %j', (change, note) => {
    expect(rpcOf(callOf(request, response, change as JsonObject)).notes).toEqual([
      expect.stringContaining(`"a question for a book": ${note}`),
    ]);
  });

  it.each([
    [{ type: 'Synchronous/HTTP', pluginConfiguration: { protobuf: {} } }, 'it is Synchronous/HTTP, without a plugin'],
    [{ type: 'Synchronous/HTTP', pluginConfiguration: {} }, 'it is Synchronous/HTTP, without a plugin'],
    [
      { type: 'Asynchronous/Messages', pluginConfiguration: { avro: {} } },
      'it is Asynchronous/Messages, of the plugin avro',
    ],
  ])('is left out and named: %j', (change, reason) => {
    const { imported, notes } = importOf([callOf(request, response, change as JsonObject), callOf(request, response)]);

    expect(imported).toHaveLength(1);
    expect(notes).toEqual([`"a question for a book": is left out: ${reason}`]);
  });

  it('is a second interaction of the same name', () => {
    const other = contentsOf(GetBookRequestSchema, { bookId: 'b2' });
    const { imported, notes } = importOf([callOf(request, response), callOf(other, response)]);

    expect(imported).toMatchObject([{ requests: [{ fields: [{ pattern: { example: 'b2' } }] }] }]);
    expect(notes).toEqual(['"a question for a book" is in the file more than once: the last one is kept']);
  });
});

describe('a file that is not one of the plugin', () => {
  it.each([
    ['{', 'p.json: is not JSON'],
    [
      pactFile([], { metadata: { touchstone: { formatVersion: '1' } } }),
      'p.json: was written by this kit and needs no import',
    ],
    [pactFile([], { metadata: {} }), 'p.json: metadata.pactSpecification.version is missing, not 4.0'],
    [
      pactFile([], { metadata: { pactSpecification: { version: '4.0' } } }),
      'p.json: metadata.plugins does not have the plugin "protobuf"',
    ],
    [pactFile([], { consumer: {} }), 'p.json: consumer.name is missing'],
    [pactFile([], { provider: {} }), 'p.json: provider.name is missing'],
    [pactFile([], { interactions: {} }), 'p.json: interactions is no list'],
  ])('is refused with the field: %#', (text, fault) => {
    expect(() => parsePactDocument(text, 'p.json')).toThrow(fault);
  });

  const ofPlugin = (change: JsonObject) => ({
    pluginConfiguration: {
      protobuf: { ...(callOf(request, response).pluginConfiguration as { protobuf: JsonObject }).protobuf, ...change },
    },
  });

  it.each([
    [ofPlugin({ descriptorKey: 'abc' }), 'metadata.plugins: the descriptors "abc" are missing'],
    [
      ofPlugin({ service: 'Library/GetBook' }),
      'pluginConfiguration.protobuf.service: Library/GetBook: is not in the descriptors',
    ],
    [
      ofPlugin({ service: 'Service/GetBook' }),
      'pluginConfiguration.protobuf.service: Service/GetBook: is not in the descriptors',
    ],
    [
      { type: 'Asynchronous/Messages', ...ofPlugin({ message: 'Boo' }) },
      'pluginConfiguration.protobuf.message: Boo: is not in the',
    ],
    [{ type: 'Other' }, 'type is Other, which the protobuf plugin does not write'],
    [{ request: { contents: { content: 7 } } }, 'request.contents.content is no text'],
    [{ request: { contents: { content: '{}', encoded: 'JSON' } } }, 'request.contents.encoded is JSON, not base64'],
    [{ request: { contents: { content: '%%', encoded: 'base64' } } }, 'request.contents.content is not base64'],
    [{ request: { contents: { content: '/////w==', encoded: 'base64' } } }, 'request: library.v1.GetBookRequest: '],
    [
      { request: { ...request, matchingRules: { body: { '$.book_id': { matchers: 7 } } } } },
      'request.matchingRules.body["$.book_id"].matchers is no list of rules',
    ],
    [
      { request: { ...request, matchingRules: { body: { book_id: { matchers: [{ match: 'type' }] } } } } },
      '"book_id" is no path of a matching rule',
    ],
    [
      { response: [errorOf({ 'grpc-status': 'LOST' })] },
      'response[0].metadata["grpc-status"]: "LOST" is no status of gRPC',
    ],
  ])('is refused with the interaction and the field: %#', (change, fault) => {
    expect(() => importOf([callOf(request, response, change as JsonObject)])).toThrow(
      `reader-library.json: "a question for a book": ${fault}`,
    );
  });

  it('in a folder of contracts is refused with the command that converts it', () => {
    expect(() => parseDocument(pactFile([]), 'p.json')).toThrow(
      'p.json: was not written by this kit (metadata.touchstone is missing), so it cannot be read: convert it with `kit import`, and keep it in another folder',
    );
  });
});
