import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Contract, contract, loadSchema, startVirtualService, type VirtualServiceOptions } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

const { getBook, askLibrarian, returnBooks, listBooks } = LibraryService.method;

const clientOf = (url: string) => createClient(LibraryService, createGrpcTransport({ baseUrl: url }));

async function* questions(...asked: string[]) {
  for (const question of asked) yield { question };
}

async function hear(client: Client<typeof LibraryService>, ...asked: string[]): Promise<string[]> {
  const heard: string[] = [];
  for await (const { answer } of client.askLibrarian(questions(...asked))) heard.push(answer);
  return heard;
}

/** Writes a contract, each interaction by a client that makes its call. */
async function record(library: Contract): Promise<void> {
  const askForB1 = ({ url }: { url: string }) => clientOf(url).getBook({ bookId: 'b1' });
  await library
    .given('b1 is there')
    .uponReceiving('a question for b1')
    .calls(getBook, { bookId: 'b1' })
    .repliesWith({ book: { title: 'Emma' } })
    .run(askForB1);
  await library
    .given('b1 is lost')
    .uponReceiving('a question for b1')
    .calls(getBook, { bookId: 'b1' })
    .failsWith(Code.NotFound, 'no such book')
    .run((provider) => askForB1(provider).catch(() => undefined));
  await library
    .uponReceiving('two questions')
    .calls(askLibrarian, [{ question: 'a' }, { question: 'b' }])
    .repliesWith([{ answer: '1' }, { answer: '2' }, { answer: 'bye' }])
    .run(({ url }) => hear(clientOf(url), 'a', 'b'));
}

/** A virtual service that answers what is in a contract file. */
async function startLibrary(options: Partial<VirtualServiceOptions> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'kit-virtual-'));
  try {
    await record(contract('Reader', 'Library', { directory }));
    const file = join(directory, 'Reader-Library.json');
    return await startVirtualService({ services: [LibraryService], contract: file, ...options });
  } finally {
    await rm(directory, { recursive: true });
  }
}

const outcomeOf = (call: Promise<{ book?: { title: string } | undefined }>) =>
  call.then(
    ({ book }) => book?.title,
    (error: unknown) => ConnectError.from(error).message,
  );

describe('a virtual service with a contract', () => {
  it('answers calls that match no stub from its interactions', async () => {
    await using library = await startLibrary({ contractStates: ['b1 is there'] });
    library.stub(getBook, { withContributors: true }).replies({ book: { title: 'from the stub' } });
    const client = clientOf(library.url);

    const answers = [
      await outcomeOf(client.getBook({ bookId: 'b1' })),
      await outcomeOf(client.getBook({ bookId: 'b1', withContributors: true })),
      await outcomeOf(client.getBook({ bookId: 'b2' })),
    ];

    expect(answers).toEqual([
      'Emma',
      'from the stub',
      expect.stringMatching(
        /nearest is "a question for b1, given b1 is there", but bookId is "b2", not "b1".*; .*stub/,
      ),
    ]);
    library.received(getBook).times(3);
    expect(library.calls(getBook).map(({ outcome }) => outcome)).toEqual(['answered', 'answered', 'unmatched']);
    expect(library.unmatchedRequests()).toHaveLength(1);
  });

  it('answers conversations, unless a stub answers their first request', async () => {
    await using library = await startLibrary();
    library.stub(askLibrarian, { question: 'x' }).replies({ answer: 'stubbed' });
    const client = clientOf(library.url);

    expect(await hear(client, 'a', 'b')).toEqual(['1', '2', 'bye']);
    expect(await hear(client, 'x', 'x')).toEqual(['stubbed', 'stubbed']);
    await expect(hear(client, 'x', 'a', 'b')).rejects.toThrow('question is "a", not "x"');
  });

  it('refuses to choose between interactions with different states if none is configured', async () => {
    await using library = await startLibrary();

    const message = await outcomeOf(clientOf(library.url).getBook({ bookId: 'b1' }));

    expect(message).toContain('[internal]');
    expect(message).toMatch(/both .*b1 is lost.* and .*b1 is there.* accept this call/);
  });

  it('does not start with a state that no interaction needs', async () => {
    await expect(startLibrary({ contractStates: ['b1 is eaten'] })).rejects.toThrow(
      'contractStates: no interaction is given "b1 is eaten"; the states are: b1 is lost, b1 is there',
    );
  });

  it('accepts a loaded schema, and reports RPCs outside the contract as not stubbed', async () => {
    const { services } = await loadSchema('packages/kit/examples/library/proto');
    await using library = await startLibrary({ services, contractStates: ['b1 is lost'] });
    library.stub(returnBooks).replies({ count: 1 });
    const client = clientOf(library.url);

    expect(await outcomeOf(client.getBook({ bookId: 'b1' }))).toBe('[not_found] no such book');
    const listing = async () => {
      for await (const _ of client.listBooks({})) library.received(listBooks).never();
    };
    await expect(listing()).rejects.toThrow('library.v1.LibraryService/ListBooks is not stubbed');
  });
});
