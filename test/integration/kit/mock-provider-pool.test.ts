// The mock provider of a contract's tests: the same port from one test to the next, unless something of a test is left over.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { type Contract, type ContractOptions, contract } from '@touchstone/kit';
import { describe, expect, it, vi } from 'vitest';
import { LibraryService } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { PATIENCE } from '../../support/patience.ts';

const { getBook } = LibraryService.method;

type LibraryContract = AsyncDisposable & {
  readonly library: Contract;
};

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), 'mock-providers-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function openLibraryContract(options: Partial<ContractOptions> = {}): Promise<LibraryContract> {
  const folder = await makeFolder();
  const library = contract('Reader', 'Library', { directory: folder.path, ...options });
  return { library, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

function declare(library: Contract, bookId: string) {
  return library.uponReceiving(`a question for ${bookId}`).calls(getBook, { bookId }).repliesWith({ book: { bookId } });
}

async function ask(url: string, bookId: string): Promise<string | undefined> {
  const client = createClient(LibraryService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' }));
  return (await client.getBook({ bookId })).book?.bookId;
}

/** Runs the test of one call. Returns the port. */
function runOnce({ library }: LibraryContract, bookId: string): Promise<number> {
  return declare(library, bookId).run(async ({ url, port }) => {
    expect(await ask(url, bookId)).toBe(bookId);
    return port;
  });
}

describe('the port of a contract', () => {
  it('stays from one test to the next, each with its own interaction only', async () => {
    await using fixture = await openLibraryContract();

    const first = await runOnce(fixture, 'b1');
    const second = await runOnce(fixture, 'b2');
    const third = declare(fixture.library, 'b3').run(({ url }) => ask(url, 'b2'));

    await expect(third).rejects.toThrow('nearest is "a question for b3", but bookId is "b2"');
    expect(second).toBe(first);
  });

  it('is not asked to show a call of the test before as its own', async () => {
    await using fixture = await openLibraryContract();
    const declaration = declare(fixture.library, 'b1');
    await declaration.run(({ url }) => ask(url, 'b1'));

    const idle = declaration.run(() => 'no call');

    await expect(idle).rejects.toThrow('was declared to call Library, and did not');
  });

  it('is another after a test that failed, and the one before is closed', async () => {
    await using fixture = await openLibraryContract();
    let left = '';
    const failing = declare(fixture.library, 'b1').run(({ url }) => {
      left = url;
      throw new Error('the consumer fails');
    });
    await expect(failing).rejects.toThrow('the consumer fails');

    await expect(ask(left, 'b1')).rejects.toThrow('ECONNREFUSED');
    expect(await declare(fixture.library, 'b2').run(({ url }) => ask(url, 'b2'))).toBe('b2');
  });

  it('is another when a call came while no test was running, which then counts for none', async () => {
    await using fixture = await openLibraryContract();
    let url = '';
    const first = await declare(fixture.library, 'b1').run(async (provider) => {
      url = provider.url;
      await ask(url, 'b1');
      return provider.port;
    });

    await expect(ask(url, 'b2')).rejects.toThrow('GetBook has no interaction');

    expect(await runOnce(fixture, 'b2')).not.toBe(first);
  });

  it('is another when a test leaves a stream open, which is ended', async () => {
    await using fixture = await openLibraryContract();
    async function* askOnce() {
      yield { question: 'one' };
    }
    async function* askAndWait() {
      yield* askOnce();
      await new Promise(() => undefined);
    }

    const left = await fixture.library
      .uponReceiving('a conversation')
      .calls(LibraryService.method.askLibrarian, [{ question: 'one' }])
      .repliesWith([{ answer: 'two' }])
      .run(async ({ url, port }) => {
        const { askLibrarian } = createClient(LibraryService, createGrpcTransport({ baseUrl: url }));
        const had = await Array.fromAsync(askLibrarian(askOnce()));
        expect(had).toMatchObject([{ answer: 'two' }]);
        const begun = askLibrarian(askAndWait())[Symbol.asyncIterator]();
        expect((await begun.next()).value).toMatchObject({ answer: 'two' });
        return { url, port, end: begun.next().catch((error: unknown) => error) };
      });

    await expect(ask(left.url, 'b1')).rejects.toThrow('ECONNREFUSED');
    expect(await left.end).toMatchObject({ code: Code.Unavailable });
    expect(await runOnce(fixture, 'b1')).not.toBe(left.port);
  });

  it('is one for each of two tests at the same time', async () => {
    await using fixture = await openLibraryContract();
    const both = Promise.withResolvers<void>();
    let running = 0;
    const meet = (bookId: string) =>
      declare(fixture.library, bookId).run(async ({ url, port }) => {
        running += 1;
        if (running === 2) both.resolve();
        await both.promise;
        await ask(url, bookId);
        return port;
      });

    const [one, other] = await Promise.all([meet('b1'), meet('b2')]);

    expect(one).not.toBe(other);
  });

  it('is another for each test where the contract says so', async () => {
    await using fixture = await openLibraryContract({ keepsPort: false });

    expect(await runOnce(fixture, 'b1')).not.toBe(await runOnce(fixture, 'b2'));
  });

  it('closes by itself when no test comes any more', async () => {
    await using fixture = await openLibraryContract();
    const url = await declare(fixture.library, 'b1').run(async (provider) => {
      await ask(provider.url, 'b1');
      return provider.url;
    });

    await vi.waitFor(() => expect(ask(url, 'b1')).rejects.toThrow('ECONNREFUSED'), PATIENCE);
  });
});

describe('a contract test of a plain call', () => {
  it('loads nothing of Connect, and writes the same as one with a client of Connect', async () => {
    await using folder = await makeFolder();
    const read = (name: string) => readFile(join(folder.path, name, 'Reader-Library.json'), 'utf8');
    const script = fileURLToPath(new URL('fixtures/plain-contract-test.ts', import.meta.url));

    const { stdout } = await promisify(execFile)(process.execPath, [script, join(folder.path, 'plain')]);
    const library = contract('Reader', 'Library', { directory: join(folder.path, 'connect') });
    await declare(library, 'b1').run(({ url }) => ask(url, 'b1'));

    expect(JSON.parse(stdout)).toEqual(['@bufbuild/protobuf']);
    expect(await read('plain')).toBe(await read('connect'));
  });
});
