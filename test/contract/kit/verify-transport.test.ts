// How a verification reaches its provider: with the types that JSON needs, over TLS, and only in the protocols that it speaks.
import { once } from 'node:events';
import { connect, constants, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { contract, ProviderUnreachableError, packed, verifyProvider } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { BookLentSchema, LibraryService } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { errorOf, makeDirectory } from './contract-files.ts';
import { startLibraryProvider } from './library-provider.ts';

const { getBook } = LibraryService.method;
const AUTHORITY = createAuthority('tests');
const HOSTS = ['127.0.0.1', 'localhost'];
const trusted = { tls: issueCertificate(AUTHORITY, { name: 'library', hosts: HOSTS }) };
const selfSigned = { tls: issueCertificate(undefined, { name: 'library', hosts: HOSTS }) };
const lent = create(BookLentSchema, { bookId: 'b1', version: 3n });

/** Records that a reader relies on the attachment of a book. */
async function recordAttachment(directory: string): Promise<void> {
  await contract('Reader', 'Library', { directory })
    .given('book b1 is lent')
    .uponReceiving('a question for a lent book')
    .calls(getBook, { bookId: 'b1' })
    .repliesWith({ book: { bookId: 'b1', attachment: packed(BookLentSchema, { bookId: 'b1' }) } })
    .run(({ url }) =>
      createClient(LibraryService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' })).getBook({
        bookId: 'b1',
      }),
    );
}

async function openLibrary(options: Parameters<typeof startLibraryProvider>[1] = {}) {
  const resources = new AsyncDisposableStack();
  const directory = resources.use(await makeDirectory());
  await recordAttachment(directory.path);
  const provider = resources.use(await startLibraryProvider({}, options));
  provider.books.set('b1', { bookId: 'b1', attachment: anyPack(BookLentSchema, lent) });
  const verification = {
    contracts: directory.path,
    url: provider.url,
    services: [LibraryService],
    states: { 'book b1 is lent': () => undefined },
  };
  return { verification, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Passes calls of gRPC on, and breaks every other connection or stream, as grpcio does. */
async function startGrpcOnly(upstream: string) {
  const session = connect(upstream);
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers['content-type'] !== 'application/grpc+proto') return stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
    const forwarded = session.request({ ...headers, ':authority': new URL(upstream).host });
    forwarded.on('response', (answer) => stream.respond(answer, { waitForTrailers: true }));
    let trailers = {};
    forwarded.on('trailers', (received) => {
      trailers = { ...received };
    });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.pipe(forwarded).pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a verification', () => {
  it('honours a provider whose messages hold a google.protobuf.Any, in every protocol', async () => {
    await using library = await openLibrary();

    const verification = await verifyProvider(library.verification);

    expect(verification.toString()).not.toContain('FAILED');
    expect(verification.interactions.map(({ checks }) => checks.length)).toEqual([7]);
  });

  it('says how to verify a provider that speaks gRPC alone, and says nothing of it otherwise', async () => {
    await using library = await openLibrary();
    const { url } = library.verification;
    await using grpcOnly = await startGrpcOnly(url);

    const hinted = await verifyProvider({ ...library.verification, url: grpcOnly.url });
    const other = await verifyProvider({ ...library.verification, url: 'http://127.0.0.1:1' });

    expect(hinted.toString()).toMatch(/ FAILED +ok +FAILED /);
    expect(hinted.toString()).toContain('kit verify --wire grpc');
    expect(other.toString()).not.toContain('--wire grpc');
  });

  it('reaches a provider behind TLS in every protocol and HTTP version, if its authority is given', async () => {
    await using library = await openLibrary(trusted);

    const verification = await verifyProvider({ ...library.verification, tls: { ca: AUTHORITY.cert } });

    expect(library.verification.url).toMatch(/^https:/);
    expect(verification.toString()).not.toContain('FAILED');
    expect(verification.interactions.map(({ checks }) => checks.length)).toEqual([7]);
  });

  it('ends with the reason if the certificate of the provider is not trusted, and blames no contract', async () => {
    await using library = await openLibrary(selfSigned);

    const error = await errorOf(verifyProvider(library.verification));

    expect(error).toBeInstanceOf(ProviderUnreachableError);
    expect(error.message).toMatch(
      /^127\.0\.0\.1:\d+ cannot be reached because of its certificate: self-signed certificate; .*NODE_EXTRA_CA_CERTS/,
    );
  });
});
