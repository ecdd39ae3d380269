// A mock provider loads Connect for the first call that needs it: that call is running in the meantime, though nothing has answered it yet.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { contract } from '@touchstone/kit';
import { expect, it, vi } from 'vitest';
import { nameOf } from '../../../packages/kit/base/rpc-name.ts';
import { LibraryService } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

const { getBook } = LibraryService.method;

const loading = vi.hoisted(() => ({ begun: Promise.withResolvers<void>(), mayEnd: Promise.withResolvers<void>() }));
vi.mock(import('../../../packages/kit/contract/interaction-routes.ts'), async (load) => {
  loading.begun.resolve();
  await loading.mayEnd.promise;
  return await load();
});

/** Asks in the plainest way, which needs nothing of Connect. */
async function askPlainly(url: string, bookId: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/${nameOf(getBook)}`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ bookId }),
  });
  return await answer.json();
}

it('a port is not kept while Connect is loaded for a call of the test before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mock-providers-'));
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  const library = contract('Reader', 'Library', { directory: folder });
  const declare = (bookId: string) =>
    library.uponReceiving(`a question for ${bookId}`).calls(getBook, { bookId }).repliesWith({ book: { bookId } });

  const first = await declare('b1').run(async ({ url, port }) => {
    expect(await askPlainly(url, 'b1')).toEqual({ book: { bookId: 'b1' } });
    const overGrpc = createClient(LibraryService, createGrpcTransport({ baseUrl: url }));
    const left = overGrpc.getBook({ bookId: 'b1' }).catch((error: unknown) => error);
    await loading.begun.promise;
    // By then this function has returned, and what it left over has been looked at.
    setImmediate(loading.mayEnd.resolve);
    return { port, left };
  });
  const second = await declare('b2').run(async ({ url, port }) => {
    expect(await askPlainly(url, 'b2')).toEqual({ book: { bookId: 'b2' } });
    return port;
  });

  expect(second).not.toBe(first.port);
  // Ended with the port, or answered just before.
  await first.left;
});
