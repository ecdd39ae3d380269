// A virtual service out of a descriptor set, through the eyes of clients that were not written here and know its schema only
// by reflection.
import { join } from 'node:path';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { status as GrpcStatus } from '@grpc/grpc-js';
import { loadSchema, startVirtualService, type VirtualService } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { findGoProgram, GRPCURL_MISSING } from '../../support/go-programs.ts';
import { callUnary, connectByReflection } from '../../support/reflection-client.ts';
import { runProgram } from '../../support/stack.ts';
import { makeDirectory } from './contract-files.ts';

const library = 'library.v1.LibraryService';
const sources = 'packages/kit/examples/library/proto';

async function startLibrary(): Promise<VirtualService> {
  await using directory = await makeDirectory();
  const file = join(directory.path, 'library.binpb');
  await runProgram('buf', ['build', sources, '--output', file]);
  const service = await startVirtualService(await loadSchema(file));
  service.stub(`${library}/GetBook`, { book_id: 'b1' }).replies({
    book: { book_id: 'b1', genre: 'GENRE_FICTION', catalogue_number: '9007199254740993', shelf: 'A1' },
  });
  service.stub(`${library}/GetBook`, { book_id: 'slow' }).hangs();
  service.stub(`${library}/ListBooks`).replies([{ book: { title: 'Emma' } }, { book: { title: 'Ulysses' } }]);
  service.stub(`${library}/ReturnBooks`, [{ book_id: 'b1' }, { book_id: 'b2' }]).replies({ count: 2 });
  service.stub(`${library}/AskLibrarian`, { question: 'Where?' }).replies({ answer: 'There.' });
  return service;
}

const messages = (...list: object[]) => list.map((message) => JSON.stringify(message)).join('\n');

describe('grpc-js', () => {
  it('receives an answer, a stream and the reason of an unmatched request', async () => {
    await using service = await startLibrary();
    const client = await connectByReflection(new URL(service.url).host, library);
    try {
      const { book } = await callUnary<{ book: object }>(client, 'getBook', { book_id: 'b1' });
      const stream = (
        Reflect.get(client, 'listBooks') as (request: object) => ClientReadableStream<{ book: object }>
      ).call(client, {});
      const books = await stream.toArray();
      const error = await callUnary(client, 'getBook', { book_id: 'b2' }).catch((reason: ServiceError) => reason);

      expect(book).toMatchObject({ genre: 'GENRE_FICTION', catalogue_number: '9007199254740993', shelf: 'A1' });
      expect(books.map((answer) => answer.book)).toMatchObject([{ title: 'Emma' }, { title: 'Ulysses' }]);
      expect(error).toMatchObject({
        code: GrpcStatus.UNIMPLEMENTED,
        details: expect.stringContaining('nearest is stub(GetBook'),
      });
    } finally {
      client.close();
    }
    service.received(`${library}/GetBook`).with({ book_id: 'b1' }).times(1);
  });
});

describe('buf curl', () => {
  it.each(['connect', 'grpc', 'grpcweb'])('makes calls of all four kinds by %s', async (protocol) => {
    await using service = await startLibrary();
    const call = async (method: string, ...requests: object[]) => {
      const data = `--data=${messages(...requests)}`;
      const flags = ['--http2-prior-knowledge', `--protocol=${protocol}`, data];
      const { stdout, stderr } = await runProgram('buf', ['curl', ...flags, `${service.url}/${library}/${method}`]);
      return stderr === '' ? stdout.replace(/\s/g, '') : stderr;
    };

    expect(await call('GetBook', { book_id: 'b1' })).toContain('"genre":"GENRE_FICTION"');
    expect(await call('ListBooks', {})).toBe('{"book":{"title":"Emma"}}{"book":{"title":"Ulysses"}}');
    expect(await call('ReturnBooks', { book_id: 'b1' }, { book_id: 'b2' })).toBe('{"count":2}');
    expect(await call('AskLibrarian', { question: 'Where?' }, { question: 'Where?' })).toBe(
      '{"answer":"There."}{"answer":"There."}',
    );
    expect(service.unmatchedRequests()).toEqual([]);
  });
});

describe('grpcurl', async () => {
  const grpcurl = await findGoProgram('grpcurl');

  it('lists the service and makes calls of all four kinds', async ({ skip }) => {
    skip(grpcurl === undefined, GRPCURL_MISSING);
    await using service = await startLibrary();
    const { host } = new URL(service.url);
    const run = async (...given: string[]) => (await runProgram(grpcurl ?? '', ['-plaintext', ...given])).stdout;
    const call = async (method: string, ...requests: object[]) =>
      (await run('-d', messages(...requests), host, `${library}/${method}`)).replace(/\s/g, '');

    expect((await run(host, 'list')).split('\n')).toEqual(expect.arrayContaining([library, 'grpc.health.v1.Health']));
    expect(await call('GetBook', { book_id: 'b1' })).toContain('"shelf":"A1"');
    expect(await call('ListBooks', {})).toBe('{"book":{"title":"Emma"}}{"book":{"title":"Ulysses"}}');
    expect(await call('ReturnBooks', { book_id: 'b1' }, { book_id: 'b2' })).toBe('{"count":2}');
    expect(await call('AskLibrarian', { question: 'Where?' })).toBe('{"answer":"There."}');
  });
});
