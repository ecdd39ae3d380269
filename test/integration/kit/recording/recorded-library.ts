// A small library service for the tests of recordings. It exposes the calls it received, and has an answer of every kind.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, createRegistry, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, type HandlerContext } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type RecorderOptions, startRecorder } from '@touchstone/kit';
import { createRpcServer } from '@touchstone/rpc-server';
import {
  BookSchema,
  Genre,
  LibraryService,
  LoanSchema,
  RefusalSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

type Book = MessageInitShape<typeof BookSchema>;

export interface RecordedLibrary extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The context of each call, in order. */
  readonly calls: { readonly context: HandlerContext; readonly timeoutMs: number | undefined }[];
  /** The titles of the next answers of GetBook. When it is empty, `Emma`. */
  readonly titles: string[];
}

/** Starts a library, by default on a free port. */
export async function startLibrary(port = 0): Promise<RecordedLibrary> {
  const calls: RecordedLibrary['calls'] = [];
  const titles: string[] = [];
  const recordCall = (context: HandlerContext) => void calls.push({ context, timeoutMs: context.timeoutMs() });
  const server = createRpcServer({
    port,
    jsonOptions: { registry: createRegistry(LoanSchema) },
    routes: (router) =>
      router.service(LibraryService, {
        async getBook({ bookId }, context) {
          recordCall(context);
          if (bookId === 'silent') await untilAborted(context.signal);
          if (bookId === 'lost') throw refuse('no such book');
          context.responseHeader.set('x-shelf', 'A1');
          context.responseTrailer.set('x-copies', '3');
          return { book: bookOf(bookId, titles.shift() ?? 'Emma') };
        },
        lendBook({ memberId }, context) {
          recordCall(context);
          return { loan: { memberId, dueTime: { seconds: 1_800_000_000n } }, copiesLeft: 2 };
        },
        async *listBooks({ genre }, context) {
          recordCall(context);
          context.responseHeader.set('x-shelf', 'A1');
          yield { book: bookOf('b1', 'Emma') };
          yield { book: bookOf('b2', 'Ulysses') };
          context.responseTrailer.set('x-count', '2');
          if (genre === Genre.SCIENCE) throw refuse('the list ends here');
          if (genre === Genre.FICTION) await untilAborted(context.signal);
        },
        async returnBooks(requests, context) {
          recordCall(context);
          return { count: (await Array.fromAsync(requests)).length };
        },
        async *askLibrarian(requests, context) {
          recordCall(context);
          for await (const { question } of requests) yield { answer: `why ${question}` };
        },
      }),
  });
  const address = await server.listen();
  return { ...address, calls, titles, [Symbol.asyncDispose]: () => server.stop({ graceMs: 0 }) };
}

function bookOf(bookId: string, title: string): Book {
  const book = create(BookSchema, {
    bookId,
    title,
    genre: Genre.FICTION,
    catalogueNumber: 9_007_199_254_740_993n,
    place: { case: 'loan', value: { memberId: 'member-7' } },
    contributors: { editor: { name: 'Ada' } },
  });
  if (bookId === 'b9') book.attachment = anyPack(LoanSchema, create(LoanSchema, { memberId: 'member-9' }));
  // A field of a newer schema.
  if (bookId === 'newer') book.$unknown = [{ no: 99, wireType: 0, data: new Uint8Array([1]) }];
  return book;
}

function refuse(message: string): ConnectError {
  return new ConnectError(message, Code.NotFound, { 'x-reason': 'gone' }, [
    { desc: RefusalSchema, value: { reason: 'NO_SUCH_BOOK' } },
    { desc: LoanSchema, value: { memberId: 'member-7' } },
  ]);
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

/** Starts a recorder in front of a library, with a file in a temporary folder. Disposing of it removes all three. */
export async function recordLibrary(options: Partial<RecorderOptions> = {}) {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'kit-recording-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const library = opened.use(await startLibrary());
  const file = join(directory, 'library.ndjson');
  const recorder = opened.use(
    await startRecorder({ upstream: library.url, services: [LibraryService], file, ...options }),
  );
  const kept = opened.move();
  return { directory, library, file, recorder, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Returns a client that speaks gRPC. */
export function clientOf(url: string) {
  return createClient(LibraryService, createGrpcTransport({ baseUrl: url }));
}

/** Returns a stream of these messages. */
export async function* streamOf<T>(...messages: T[]): AsyncGenerator<T> {
  yield* messages;
}

/** Returns the error of a call. */
export async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => new ConnectError('there was no error'),
    (error: unknown) => ConnectError.from(error),
  );
}

/** Reads two books of an endless list, and leaves it. */
export async function leaveAfterTwo(url: string): Promise<void> {
  const leaving = new AbortController();
  for await (const { book } of clientOf(url).listBooks({ genre: Genre.FICTION }, { signal: leaving.signal })) {
    if (book?.bookId === 'b2') break;
  }
  leaving.abort();
}

/** Sends each question after the answer to the previous one. Returns the answers. */
export async function askInTurn(
  ask: (questions: AsyncIterable<{ question: string }>) => AsyncIterable<{ answer: string }>,
  ...questions: string[]
): Promise<string[]> {
  const answers: string[] = [];
  let answered = Promise.withResolvers<void>();
  const asked = (async function* () {
    for (const question of questions) {
      yield { question };
      await answered.promise;
      answered = Promise.withResolvers();
    }
  })();
  for await (const { answer } of ask(asked)) {
    answers.push(answer);
    answered.resolve();
  }
  return answers;
}
