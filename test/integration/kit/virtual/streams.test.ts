import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { startVirtualService, type VirtualService } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

const { returnBooks, askLibrarian, listBooks } = LibraryService.method;

function startLibrary(options: { journalLimit?: number } = {}): Promise<VirtualService> {
  return startVirtualService({ services: [LibraryService], ...options });
}

function clientOf(library: VirtualService): Client<typeof LibraryService> {
  return createClient(LibraryService, createGrpcTransport({ baseUrl: library.url }));
}

async function* streamOf<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

/** Puts these questions, and returns the answers and, where it fails, the error's text. */
async function ask(client: Client<typeof LibraryService>, ...questions: string[]): Promise<string[]> {
  const heard: string[] = [];
  try {
    for await (const { answer } of client.askLibrarian(streamOf(...questions.map((question) => ({ question }))))) {
      heard.push(answer);
    }
  } catch (error) {
    heard.push(ConnectError.from(error).message);
  }
  return heard;
}

describe('a stream of requests', () => {
  it('is answered once, according to its requests', async () => {
    await using library = await startLibrary();
    library.stub(returnBooks).replies((requests) => ({ count: requests.length }));
    library.stub(returnBooks, [{ bookId: 'b1' }, { bookId: 'b2' }]).replies({ count: 20 });
    const client = clientOf(library);

    const counts = [
      await client.returnBooks(streamOf({ bookId: 'b1' }, { bookId: 'b2' })),
      await client.returnBooks(streamOf({ bookId: 'b1' }, { bookId: 'b2' }, { bookId: 'b3' })),
      await client.returnBooks(streamOf()),
    ].map(({ count }) => count);

    expect(counts).toEqual([20, 3, 0]);
    library.received(returnBooks).times(3);
    library.received(returnBooks).with({ bookId: 'b2' }).times(2);
    library
      .received(returnBooks)
      .with([{ bookId: 'b1' }, { bookId: 'b2' }])
      .times(1);
    library.received(returnBooks).with([]).times(1);
    library.received(returnBooks).neverWith([{ bookId: 'b2' }, { bookId: 'b1' }]);
    expect(library.requests(returnBooks).map(({ bookId }) => bookId)).toEqual(['b1', 'b2', 'b1', 'b2', 'b3']);
  });

  it('is refused if it has more requests than the journal keeps', async () => {
    await using library = await startLibrary({ journalLimit: 2 });
    library.stub(returnBooks).replies({ count: 3 });

    const error = ConnectError.from(
      await clientOf(library)
        .returnBooks(streamOf({}, {}, {}))
        .catch((reason: unknown) => reason),
    );

    expect([error.code, error.rawMessage]).toEqual([
      Code.ResourceExhausted,
      expect.stringContaining('the call has more than 2 requests; raise journalLimit'),
    ]);
  });
});

describe('a conversation', () => {
  it('has each question answered separately, with one message, several or none', async () => {
    await using library = await startLibrary();
    library.stub(askLibrarian, { question: 'one' }).replies({ answer: '1' }).thenReplies({ answer: 'again 1' });
    library.stub(askLibrarian, { question: 'two' }).replies([{ answer: '2' }, { answer: '3' }]);
    library.stub(askLibrarian, { question: 'none' }).replies([]);
    library.stub(askLibrarian).replies(({ question }) => ({ answer: `${question}?` }));

    const heard = await ask(clientOf(library), 'one', 'two', 'none', 'one', 'what');

    expect(heard).toEqual(['1', '2', '3', 'again 1', 'what?']);
    library.received(askLibrarian).times(1);
    library.received(askLibrarian).with({ question: 'two' }).times(1);
    expect(library.calls(askLibrarian)[0]).toMatchObject({ outcome: 'answered', requests: { length: 5 } });
  });

  it('ends with the error of a stub, or with an explanation if a question matches none', async () => {
    await using library = await startLibrary();
    library.stub(askLibrarian, { question: 'good' }).replies({ answer: 'yes' });
    library.stub(askLibrarian, { question: 'bad' }).breaksOff([{ answer: 'well' }], Code.Aborted, 'no more');
    const client = clientOf(library);

    expect(await ask(client, 'good', 'bad', 'good')).toEqual(['yes', 'well', '[aborted] no more']);
    expect(await ask(client, 'good', 'odd')).toEqual(['yes', expect.stringContaining('question is "odd", not "good"')]);
    expect(library.calls(askLibrarian).map(({ outcome }) => outcome)).toEqual(['failed', 'unmatched']);
  });

  it('is handled by a script, which may send first and read at any time', async () => {
    await using library = await startLibrary();
    library.stub(askLibrarian).converses(async function* (requests) {
      yield { answer: 'welcome' };
      for await (const { question } of requests) if (question !== '') yield { answer: question.toUpperCase() };
      yield { answer: 'bye' };
    });

    expect(await ask(clientOf(library), 'a', '', 'b')).toEqual(['welcome', 'A', 'B', 'bye']);
    library
      .received(askLibrarian)
      .with([{ question: 'a' }, {}, { question: 'b' }])
      .times(1);
  });
});

describe('a stream of responses', () => {
  const titlesOf = async (library: VirtualService) => {
    const titles: string[] = [];
    const reading = async () => {
      for await (const { book } of clientOf(library).listBooks({})) titles.push(book?.title ?? '');
    };
    const error = await reading().then(
      () => undefined,
      (reason: unknown) => ConnectError.from(reason).message,
    );
    return [...titles, ...(error ? [error] : [])];
  };

  it('fails after some messages, and arrives whole the next time', async () => {
    await using library = await startLibrary();
    library
      .stub(listBooks)
      .breaksOff([{ book: { title: 'Emma' } }], Code.Aborted, 'lost')
      .thenReplies([{ book: { title: 'Emma' } }, { book: { title: 'Ulysses' } }]);

    expect(await titlesOf(library)).toEqual(['Emma', '[aborted] lost']);
    expect(await titlesOf(library)).toEqual(['Emma', 'Ulysses']);
    library.received(listBooks).ending('failed').times(1);
  });

  it('begins at once, whatever its pace', async () => {
    await using library = await startLibrary();
    library
      .stub(listBooks)
      .paces(3_600_000)
      .replies([{ book: { title: 'Emma' } }, {}]);

    const answers = clientOf(library).listBooks({}, { timeoutMs: 10_000 })[Symbol.asyncIterator]();

    expect((await answers.next()).value).toMatchObject({ book: { title: 'Emma' } });
    await answers.return?.();
  });

  it('keeps its pace', async () => {
    await using library = await startLibrary();
    const takenAt: number[] = [];
    library
      .stub(listBooks)
      .paces(20)
      .replies(async function* () {
        for (const title of ['a', 'b', 'c', '']) {
          takenAt.push(performance.now());
          if (title !== '') yield { book: { title } };
        }
      });

    expect(await titlesOf(library)).toEqual(['a', 'b', 'c']);
    const [, second = 0, third = 0, end = 0] = takenAt;
    expect([third - second, end - third].every((waitedMs) => waitedMs >= 19)).toBe(true);
  });
});

describe('the state of a service', () => {
  it('is changed by its stubs and by the test', async () => {
    await using library = await startLibrary();
    const { lendBook } = LibraryService.method;
    library.stub(lendBook).when('initial').replies({ copiesLeft: 0 }).becomes('lent');
    library.stub(lendBook).when('lent').fails(Code.FailedPrecondition, 'all lent');
    library.stub(returnBooks).when('lent').replies({ count: 1 }).becomes('initial');
    const client = clientOf(library);
    const lend = () =>
      client.lendBook({ bookId: 'b1' }).then(
        () => 'lent',
        (error: unknown) => ConnectError.from(error).rawMessage,
      );

    const answers = [await lend(), await lend()];
    await client.returnBooks(streamOf({ bookId: 'b1' }));
    answers.push(library.state, await lend());
    library.state = 'on fire';

    expect(answers).toEqual(['lent', 'all lent', 'initial', 'lent']);
    expect(await lend()).toContain('state is "on fire", not');
  });
});
