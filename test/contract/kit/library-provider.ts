// The library as a real service, for the tests that verify it: it keeps books, and can be made to drift.

import { createRegistry, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { createRpcServer, type RpcServerOptions } from '@touchstone/rpc-server';
import {
  type BookSchema,
  file_library_v1_library,
  LibraryService,
  RefusalSchema,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

type Book = MessageInitShape<typeof BookSchema>;

export type LibraryProvider = AsyncDisposable & {
  readonly url: string;
  /** The books on the shelf, by id. */
  readonly books: Map<string, Book>;
  /** The headers of every call of GetBook. */
  readonly headersSeen: Headers[];
};

/** How the service has changed without notice. */
export type Drift = {
  readonly getBook?: (book: Book) => Book;
  readonly notFound?: { readonly code: Code; readonly reason: string };
};

export async function startLibraryProvider(
  drift: Drift = {},
  options: Pick<RpcServerOptions, 'tls'> = {},
): Promise<LibraryProvider> {
  const books = new Map<string, Book>();
  const headersSeen: Headers[] = [];
  const { code = Code.NotFound, reason = 'NO_SUCH_BOOK' } = drift.notFound ?? {};
  const server = createRpcServer({
    ...options,
    jsonOptions: { registry: createRegistry(file_library_v1_library) },
    routes: (router) =>
      router.service(LibraryService, {
        getBook({ bookId }, context) {
          headersSeen.push(context.requestHeader);
          const book = books.get(bookId);
          if (!book) {
            throw new ConnectError(`no book ${bookId}`, code, undefined, [{ desc: RefusalSchema, value: { reason } }]);
          }
          context.responseHeader.set('x-shelf', 'A1');
          return { book: drift.getBook?.(book) ?? book };
        },
        async *listBooks({ genre }) {
          for (const book of books.values()) if (book.genre === genre) yield { book };
        },
        async returnBooks(requests) {
          const returned = await Array.fromAsync(requests);
          return { count: returned.length };
        },
        async *askLibrarian(requests) {
          for await (const { question } of requests) yield { answer: `why ${question}` };
        },
      }),
  });
  const { url } = await server.listen();
  return { url, books, headersSeen, [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }) };
}
