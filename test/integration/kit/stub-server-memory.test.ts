// What a stub server has answered before it answers from memory, and a contract test's stand-in answers plain calls directly:
// the same to the byte as by the usual way, or not at all.
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { DecidedCalls } from '../../../packages/kit/contract/decided-calls.ts';
import { declareCall, declareFailure, declareReply, detail } from '../../../packages/kit/contract/declare-rpc.ts';
import { DirectAnswers } from '../../../packages/kit/contract/direct-answers.ts';
import { InteractionBook } from '../../../packages/kit/contract/interaction-registry.ts';
import { startInteractionServer } from '../../../packages/kit/contract/interaction-server.ts';
import { StandInServer } from '../../../packages/kit/contract/mock-provider-server.ts';
import type { RpcInteraction } from '../../../packages/kit/contract-file/interaction.ts';
import {
  GetBookRequestSchema,
  LibraryService,
  RefusalSchema,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compileHeaders } from '../../../packages/kit/matching/header-pattern.ts';
import { anything, like, regex } from '../../../packages/kit/matching/matchers.ts';
import { createTypeRegistry } from '../../../packages/kit/matching/type-registry.ts';

const { getBook } = LibraryService.method;
const registry = createTypeRegistry([LibraryService]);
const longTitle = 'Emma '.repeat(2_000);

const reply = (description: string, request: object, response: object, headers = {}) =>
  declareReply(declareCall(description, [], getBook, request), response, headers);
const forTenant = (tenant: string) => ({
  ...reply(`for ${tenant}`, { bookId: 'shared' }, { book: { title: tenant } }),
  metadata: compileHeaders({ 'x-tenant': regex(new RegExp(`^${tenant}`), tenant) }, 'metadata'),
});

const interactions: RpcInteraction[] = [
  reply(
    'b1',
    { bookId: 'b1' },
    { book: { title: 'Emma' } },
    { headers: { 'x-shelf': 'A1' }, trailers: { 'x-sum': '7' } },
  ),
  reply('any', { bookId: like('b9'), withContributors: anything() }, { book: { title: 'some book' } }),
  reply('long', { bookId: 'long' }, { book: { title: longTitle } }),
  forTenant('north'),
  forTenant('south'),
  declareFailure(reply('torn', { bookId: 'torn' }, { book: { title: 'Em' } }), Code.DataLoss, 'torn', []),
  reply('one', { bookId: 'twice' }, { book: { title: 'one' } }),
  reply('two', { bookId: 'twice' }, { book: { title: 'two' } }),
  declareFailure(declareCall('lost', [], getBook, { bookId: 'lost' }), Code.NotFound, 'lost', [
    detail(RefusalSchema, { reason: 'LOST' }),
  ]),
];

interface Answering extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly book: InteractionBook;
}

async function start(how: 'usually' | 'fromMemory' | 'directly'): Promise<Answering> {
  const book = new InteractionBook(interactions, { registry, ignoresDeadline: true });
  const services = [LibraryService];
  if (how === 'directly') {
    const standIn = new StandInServer(services, book);
    return { ...(await standIn.listen()), book, [Symbol.asyncDispose]: () => standIn.stop() };
  }
  const answerMemory = how === 'fromMemory' ? { answerMemory: new DecidedCalls(book) } : {};
  const server = await startInteractionServer({ services, book, ...answerMemory });
  return { ...server, book, [Symbol.asyncDispose]: () => server.stop() };
}

interface Sent {
  readonly path?: string;
  readonly verb?: string;
  readonly headers?: Record<string, string>;
  readonly body: string | Uint8Array;
}

const json = (value: unknown, headers: Record<string, string> = {}): Sent => ({
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});
const message = (bookId: string) => toBinary(GetBookRequestSchema, create(GetBookRequestSchema, { bookId }));
const envelope = (bytes: Uint8Array) => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);

/** Sends a call on a connection of its own, and returns all that comes back but for the time of day. */
async function send(server: Answering, { path, verb = 'POST', headers = {}, body }: Sent): Promise<string> {
  const socket = connect(server.port, server.host);
  await once(socket, 'connect');
  const bytes = Buffer.from(body);
  const lines = Object.entries({ host: 'library', connection: 'close', 'content-length': bytes.length, ...headers });
  const head = [
    `${verb} /library.v1.LibraryService/${path ?? 'GetBook'} HTTP/1.1`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes]));
  return (await text(socket.setEncoding('latin1'))).replace(/Date: .*\r\n/, '');
}

function countKnown({ mock }: { mock: { results: readonly { value: unknown }[] } }): number {
  return mock.results.filter(({ value }) => value !== undefined).length;
}

describe('a stub server that remembers', () => {
  it.each<{ call: string; sent: Sent; isRemembered: boolean; isDirect?: boolean }>([
    { call: 'an answer in Connect JSON', sent: json({ bookId: 'b1' }), isRemembered: true, isDirect: true },
    { call: 'an answer of a matcher', sent: json({ bookId: 'b77' }), isRemembered: true, isDirect: true },
    { call: 'an error with its details', sent: json({ bookId: 'lost' }), isRemembered: true },
    {
      call: 'a deadline',
      sent: json({ bookId: 'b1' }, { 'connect-timeout-ms': '900' }),
      isRemembered: true,
      isDirect: true,
    },
    {
      call: 'the origin of a browser',
      sent: json({ bookId: 'b1' }, { origin: 'http://localhost:3000' }),
      isRemembered: true,
    },
    {
      call: 'an answer in Connect binary',
      sent: { headers: { 'content-type': 'application/proto' }, body: message('b1') },
      isRemembered: true,
      isDirect: true,
    },
    {
      call: 'an answer in gRPC-Web',
      sent: { headers: { 'content-type': 'application/grpc-web+proto' }, body: envelope(message('b1')) },
      isRemembered: true,
    },
    {
      call: 'an error in gRPC-Web',
      sent: { headers: { 'content-type': 'application/grpc-web+proto' }, body: envelope(message('lost')) },
      isRemembered: true,
    },
    {
      call: 'an answer in gRPC',
      sent: { headers: { 'content-type': 'application/grpc', te: 'trailers' }, body: envelope(message('b1')) },
      isRemembered: true,
    },
    { call: 'a compressed answer', sent: json({ bookId: 'long' }, { 'accept-encoding': 'gzip' }), isRemembered: true },
    {
      call: 'a compressed request',
      sent: { ...json({}, { 'content-encoding': 'gzip' }), body: gzipSync('{"bookId":"b1"}') },
      isRemembered: true,
    },
    {
      call: 'metadata',
      sent: json({ bookId: 'shared' }, { 'x-tenant': 'south-1' }),
      isRemembered: true,
      isDirect: true,
    },
    { call: 'an answer that ends in an error', sent: json({ bookId: 'torn' }), isRemembered: true },
    {
      call: 'an encoding of nobody',
      sent: json({ bookId: 'b1' }, { 'content-encoding': 'x' }),
      isRemembered: false,
    },
    { call: 'a call that two accept', sent: json({ bookId: 'twice' }), isRemembered: false },
    { call: 'a call that none accepts', sent: { ...json({ bookId: 'b1' }), path: 'LendBook' }, isRemembered: false },
    { call: 'a field that does not exist', sent: json({ bookTitle: 'b1' }), isRemembered: false },
    { call: 'what is not JSON', sent: { ...json({}), body: '{' }, isRemembered: false },
    { call: 'a content type of nobody', sent: json({ bookId: 'b1' }, { 'content-type': 'x/y' }), isRemembered: false },
    {
      call: 'a deadline that is none',
      sent: json({ bookId: 'b1' }, { 'connect-timeout-ms': 'x' }),
      isRemembered: false,
    },
    {
      call: 'a deadline that is over',
      sent: json({ bookId: 'b1' }, { 'connect-timeout-ms': '0' }),
      isRemembered: false,
    },
    { call: 'another verb', sent: { ...json({ bookId: 'b1' }), verb: 'PUT' }, isRemembered: false },
    {
      call: 'a body that is long',
      sent: json({ bookId: 'x'.repeat(20_000) }),
      isRemembered: false,
    },
  ])('answers as if it did not: $call', async ({ sent, isRemembered, isDirect = false }) => {
    const recall = vi.spyOn(DecidedCalls.prototype, 'recall');
    const answer = vi.spyOn(DirectAnswers.prototype, 'recall');
    await using usual = await start('usually');
    await using remembering = await start('fromMemory');
    await using direct = await start('directly');

    const expected = [await send(usual, sent), await send(usual, sent), await send(usual, sent)];
    const answers = [await send(remembering, sent), await send(remembering, sent), await send(remembering, sent)];
    const directly = [await send(direct, sent), await send(direct, sent), await send(direct, sent)];

    expect([answers, directly]).toEqual([expected, expected]);
    for (const { book } of [remembering, direct]) {
      expect([book.misses(), book.untouched()]).toEqual([usual.book.misses(), usual.book.untouched()]);
    }
    expect([countKnown(recall), countKnown(answer)]).toEqual([isRemembered ? 2 : 0, isDirect ? 3 : 0]);
  });

  it('looks at the metadata of each call, whatever was answered to the same request before', async () => {
    await using server = await start('fromMemory');
    const ask = (tenant: string) => send(server, json({ bookId: 'shared' }, { 'x-tenant': tenant }));

    const answers = [
      await ask('north'),
      await ask('south'),
      await ask('north-2'),
      await ask('east'),
      await ask('south'),
    ];

    expect(answers.map((answer) => /"title":"([\w ]+)"/.exec(answer)?.[1])).toEqual([
      'north',
      'south',
      'north',
      'some book',
      'south',
    ]);
  });

  it('forgets what it answered in other states', async () => {
    await using server = await start('fromMemory');
    await send(server, json({ bookId: 'b1' }));
    await send(server, json({ bookId: 'b1' }));

    server.book.use([reply('b1 renamed', { bookId: 'b1' }, { book: { title: 'Emma, renamed' } })]);
    const answer = await send(server, json({ bookId: 'b1' }));

    expect(answer).toContain('Emma, renamed');
  });
});
