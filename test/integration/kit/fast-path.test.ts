// The fast path of mock providers and stub servers returns the same bytes as the normal path, or leaves the call to it.
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { declareCall, declareFailure, declareReply, detail } from '../../../packages/kit/contract/declare-rpc.ts';
import { FastPath } from '../../../packages/kit/contract/fast-path.ts';
import { InteractionRegistry } from '../../../packages/kit/contract/interaction-registry.ts';
import { startInteractionServer } from '../../../packages/kit/contract/interaction-server.ts';
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
  declareFailure(
    reply('truncated', { bookId: 'truncated' }, { book: { title: 'Em' } }),
    Code.DataLoss,
    'truncated',
    [],
  ),
  reply('one', { bookId: 'twice' }, { book: { title: 'one' } }),
  reply('two', { bookId: 'twice' }, { book: { title: 'two' } }),
  declareFailure(declareCall('lost', [], getBook, { bookId: 'lost' }), Code.NotFound, 'lost', [
    detail(RefusalSchema, { reason: 'LOST' }),
  ]),
];

type Answering = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  readonly registry: InteractionRegistry;
};

/** A registry with which every call takes the normal path. */
class PathlessRegistry extends InteractionRegistry {
  override tryMatch(): undefined {
    return undefined;
  }
}

async function start(how: 'normally' | 'byFastPath'): Promise<Answering> {
  const Registered = how === 'normally' ? PathlessRegistry : InteractionRegistry;
  const registered = new Registered(interactions, { registry, ignoresDeadline: true });
  const server = await startInteractionServer({ services: [LibraryService], interactions: registered });
  return { ...server, registry: registered, [Symbol.asyncDispose]: () => server.stop() };
}

type Sent = {
  readonly path?: string;
  readonly verb?: string;
  readonly headers?: Record<string, string>;
  readonly body: string | Uint8Array;
};

const json = (value: unknown, headers: Record<string, string> = {}): Sent => ({
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});
const message = (bookId: string) => toBinary(GetBookRequestSchema, create(GetBookRequestSchema, { bookId }));
const envelope = (bytes: Uint8Array) => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);

/** Sends a call on a new connection, and returns the whole response without its date. */
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

describe('a server with a fast path', () => {
  it.each<{ call: string; sent: Sent; isFast: boolean }>([
    { call: 'an answer in Connect JSON', sent: json({ bookId: 'b1' }), isFast: true },
    { call: 'an answer of a matcher', sent: json({ bookId: 'b77' }), isFast: true },
    { call: 'an error with its details', sent: json({ bookId: 'lost' }), isFast: false },
    {
      call: 'a deadline',
      sent: json({ bookId: 'b1' }, { 'connect-timeout-ms': '900' }),
      isFast: true,
    },
    {
      call: 'the origin of a browser',
      sent: json({ bookId: 'b1' }, { origin: 'http://localhost:3000' }),
      isFast: false,
    },
    {
      call: 'an answer in Connect binary',
      sent: { headers: { 'content-type': 'application/proto' }, body: message('b1') },
      isFast: true,
    },
    {
      call: 'an answer in gRPC-Web',
      sent: { headers: { 'content-type': 'application/grpc-web+proto' }, body: envelope(message('b1')) },
      isFast: false,
    },
    {
      call: 'an error in gRPC-Web',
      sent: { headers: { 'content-type': 'application/grpc-web+proto' }, body: envelope(message('lost')) },
      isFast: false,
    },
    {
      call: 'an answer in gRPC',
      sent: { headers: { 'content-type': 'application/grpc', te: 'trailers' }, body: envelope(message('b1')) },
      isFast: false,
    },
    { call: 'a compressed answer', sent: json({ bookId: 'long' }, { 'accept-encoding': 'gzip' }), isFast: false },
    {
      call: 'a compressed request',
      sent: { ...json({}, { 'content-encoding': 'gzip' }), body: gzipSync('{"bookId":"b1"}') },
      isFast: false,
    },
    {
      call: 'metadata',
      sent: json({ bookId: 'shared' }, { 'x-tenant': 'south-1' }),
      isFast: true,
    },
    { call: 'an answer that ends in an error', sent: json({ bookId: 'truncated' }), isFast: false },
    {
      call: 'an unknown encoding',
      sent: json({ bookId: 'b1' }, { 'content-encoding': 'x' }),
      isFast: false,
    },
    { call: 'a call that two accept', sent: json({ bookId: 'twice' }), isFast: false },
    { call: 'a call that none accepts', sent: { ...json({ bookId: 'b1' }), path: 'LendBook' }, isFast: false },
    { call: 'a field that does not exist', sent: json({ bookTitle: 'b1' }), isFast: false },
    { call: 'invalid JSON', sent: { ...json({}), body: '{' }, isFast: false },
    { call: 'an unknown content type', sent: json({ bookId: 'b1' }, { 'content-type': 'x/y' }), isFast: false },
    {
      call: 'an invalid deadline',
      sent: json({ bookId: 'b1' }, { 'connect-timeout-ms': 'x' }),
      isFast: false,
    },
    {
      call: 'an expired deadline',
      sent: json({ bookId: 'b1' }, { 'connect-timeout-ms': '0' }),
      isFast: false,
    },
    { call: 'another verb', sent: { ...json({ bookId: 'b1' }), verb: 'PUT' }, isFast: false },
    {
      call: 'a long body',
      sent: json({ bookId: 'x'.repeat(20_000) }),
      isFast: false,
    },
  ])('answers the same as one without: $call', async ({ sent, isFast }) => {
    const answer = vi.spyOn(FastPath.prototype, 'answer');
    await using normal = await start('normally');
    await using fast = await start('byFastPath');

    const expected = [await send(normal, sent), await send(normal, sent)];
    expect(countKnown(answer)).toBe(0);
    const answers = [await send(fast, sent), await send(fast, sent)];

    expect(answers).toEqual(expected);
    expect([fast.registry.unmatchedRequests(), fast.registry.unexercised()]).toEqual([
      normal.registry.unmatchedRequests(),
      normal.registry.unexercised(),
    ]);
    expect(countKnown(answer)).toBe(isFast ? 2 : 0);
  });

  it('reads the same bytes in each encoding as what they are there', async () => {
    await using server = await start('byFastPath');
    server.registry.use([reply('no book', {}, { book: { title: 'none' } })]);
    const sendNothing = (type: string) => send(server, { headers: { 'content-type': type }, body: '' });

    const answers = [await sendNothing('application/proto'), await sendNothing('application/json')];

    expect(answers.map((answer) => answer.split(' ')[1])).toEqual(['200', '400']);
  });

  it('matches the metadata of each call', async () => {
    await using server = await start('byFastPath');
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

  it('decodes equal calls once, and counts each of them', async () => {
    await using server = await start('byFastPath');
    const tryMatch = vi.spyOn(server.registry, 'tryMatch');
    const ask = () => send(server, json({ bookId: 'b1' }));
    const first = await ask();
    server.registry.clear();
    server.registry.use(interactions);

    expect([await ask(), await ask()]).toEqual([first, first]);

    expect(tryMatch).toHaveBeenCalledTimes(2);
    expect(server.registry.unexercised().map(({ description }) => description)).not.toContain('b1');
  });

  it('matches the deadline of each call, where it counts', async () => {
    const soon = { ...reply('soon', { bookId: 'd' }, { book: { title: 'soon' } }), deadline: { atMostMs: 500 } };
    const registered = new InteractionRegistry([soon], { registry });
    const server = await startInteractionServer({ services: [LibraryService], interactions: registered });
    await using answering = { ...server, registry: registered, [Symbol.asyncDispose]: () => server.stop() };
    const ask = (timeoutMs: string) => send(answering, json({ bookId: 'd' }, { 'connect-timeout-ms': timeoutMs }));

    const answers = [await ask('400'), await ask('900'), await ask('400')];

    expect(answers.map((answer) => answer.includes('"title":"soon"'))).toEqual([true, false, true]);
    expect(registered.unmatchedRequests()).toEqual([expect.stringContaining('deadline')]);
  });

  it('answers with the interactions that it has now', async () => {
    await using server = await start('byFastPath');
    await send(server, json({ bookId: 'b1' }));
    await send(server, json({ bookId: 'b1' }));

    server.registry.use([reply('b1 renamed', { bookId: 'b1' }, { book: { title: 'Emma, renamed' } })]);
    const answer = await send(server, json({ bookId: 'b1' }));

    expect(answer).toContain('Emma, renamed');
  });
});
