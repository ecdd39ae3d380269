// A call that is refused before it could be matched breaks a contract test too, also if the consumer swallows the error.
import { readdir } from 'node:fs/promises';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Contract, contract } from '@touchstone/kit';
import { HealthService } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { nameOf } from '../../../packages/kit/base/rpc-name.ts';
import { LibraryService } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { errorOf, makeDirectory } from './contract-files.ts';

const { getBook, returnBooks } = LibraryService.method;

function clientOf(url: string) {
  return createClient(LibraryService, createGrpcTransport({ baseUrl: url }));
}

function askForBook(library: Contract) {
  return library.uponReceiving('a question for a book').calls(getBook, { bookId: 'b1' });
}

describe('a consumer contract', () => {
  it.each<{ what: string; path: string; contentType: string; body: string | Uint8Array<ArrayBuffer>; why: string }>([
    {
      what: 'an RPC of another service',
      path: 'shelf.v1.ShelfService/Dust',
      contentType: 'application/json',
      body: '{}',
      why: 'shelf.v1.ShelfService/Dust is not served here',
    },
    {
      what: 'JSON with a field that does not exist',
      path: nameOf(getBook),
      contentType: 'application/json',
      body: '{"bokId": "b1"}',
      why: 'library.v1.LibraryService/GetBook: the request cannot be read: cannot decode message',
    },
    {
      what: 'no message in binary',
      path: nameOf(getBook),
      contentType: 'application/proto',
      body: Uint8Array.of(0xff),
      why: 'library.v1.LibraryService/GetBook: the request cannot be read: parse binary',
    },
    {
      what: 'a stream with a message that is none',
      path: nameOf(returnBooks),
      contentType: 'application/connect+json',
      body: Uint8Array.of(0, 0, 0, 0, 1, 0x7b),
      why: 'library.v1.LibraryService/ReturnBooks: the request cannot be read: cannot decode message',
    },
  ])(
    'is not written when the consumer also sends $what, and swallows the error',
    async ({ path, contentType, body, why }) => {
      await using directory = await makeDirectory();
      const library = contract('Reader', 'Library', { directory: directory.path });
      const declared = askForBook(library).repliesWith({});

      const error = await errorOf(
        declared.run(async ({ url }) => {
          await clientOf(url).getBook({ bookId: 'b1' });
          await (
            await fetch(`${url}/${path}`, { method: 'POST', headers: { 'content-type': contentType }, body })
          ).text();
        }),
      );

      expect(error.message).toContain(`Reader calls Library otherwise than declared:\n  ${why}`);
      expect(await readdir(directory.path)).toEqual([]);
    },
  );

  it('is written when the consumer asks for the health of its provider too', async () => {
    await using directory = await makeDirectory();
    const library = contract('Reader', 'Library', { directory: directory.path });

    await askForBook(library)
      .repliesWith({})
      .run(async ({ url }) => {
        await createClient(HealthService, createGrpcTransport({ baseUrl: url })).check({});
        await clientOf(url).getBook({ bookId: 'b1' });
      });

    expect(await readdir(directory.path)).toEqual(['Reader-Library.json']);
  });
});
