// `kit publish` and `kit listen` with a real broker.

import { create, toBinary } from '@bufbuild/protobuf';
import { contract } from '@touchstone/kit';
import { connect, headers } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BookReturnedSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { makeDirectory } from '../../../contract/kit/contract-files.ts';
import { startTestNats, type TestNats } from '../../../support/nats.ts';
import { type CommandOutput, runUntil } from '../../../unit/kit/command-line/fake-terminal.ts';
import { jetstreamManager } from './jetstream.ts';

const type = BookReturnedSchema.typeName;
const descriptors = ['--descriptors', 'packages/kit/examples/library/proto'];
const never = new Promise<void>(() => undefined);

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats({ isProvisioned: false });
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
});

const broker = () => ['--nats', nats.adminUrl];
const publish = (args: readonly string[], input?: string): Promise<CommandOutput> =>
  runUntil(never, ['publish', ...args, ...descriptors, ...broker()], { input });

/** Starts to listen. Resolves when the broker knows of it, to the promise of the output. */
async function listen(subject: string, ...args: string[]): Promise<{ readonly ended: Promise<CommandOutput> }> {
  const ready = Promise.withResolvers<string>();
  const ended = runUntil(never, ['listen', subject, ...args, ...descriptors, ...broker()], { onError: ready.resolve });
  void ended.then(({ errors }) => ready.reject(new Error(errors)));
  await ready.promise;
  return { ended };
}

const linesOf = ({ out }: CommandOutput) => out.split('\n').map((line) => JSON.parse(line));

describe('kit publish and kit listen', () => {
  it('bring an event with the headers of CloudEvents, and lines of standard input in their order', async () => {
    const { ended } = await listen('library.>', '--count', '3');

    const one = await publish([type, '--data', '{"bookId": "b1"}', '--source', '/library', '--header', 'x-a: b']);
    const more = await publish([type, '--subject', 'library.late', '--json'], '{"bookId":"b2"}\n\n{"bookId":"b3"}\n');
    const heard = await ended;

    expect([one.out, JSON.parse(more.out), heard.exitCode]).toEqual(['published 1 event', { published: 2 }, 0]);
    expect(linesOf(heard)).toMatchObject([
      {
        subject: type,
        headers: { 'ce-source': '/library', 'ce-type': type, 'x-a': 'b' },
        type,
        message: { bookId: 'b1' },
      },
      { subject: 'library.late', message: { bookId: 'b2' } },
      { subject: 'library.late', message: { bookId: 'b3' } },
    ]);
  });

  it('publish the examples of contracts again and again, each as another event', async () => {
    await using directory = await makeDirectory();
    await contract('Reader', 'Library', { directory: directory.path })
      .uponReceiving('a book came back')
      .event(BookReturnedSchema, { bookId: 'b7' }, { headers: { 'ce-id': 'e1', 'x-b': 'c' } })
      .handledBy(() => undefined);
    const { ended } = await listen(type, '--count', '3');

    await publish(['--contract', directory.path, '--count', '3', '--rate', '1000']);

    const heard = await ended;
    const lines = linesOf(heard);
    expect(lines).toMatchObject(Array(3).fill({ subject: type, headers: { 'x-b': 'c' }, message: { bookId: 'b7' } }));
    expect(new Set(lines.map(({ headers }) => headers['ce-id'])).size).toBe(3);
  });

  it('store events in a stream, each id once, from whose beginning they are read', async () => {
    await using streams = await jetstreamManager(nats.adminUrl);
    await streams.add('STORED', 'stored.>');
    const store = (id: string, bookId: string) =>
      publish([type, '--subject', 'stored.a', '--data', JSON.stringify({ bookId }), '--id', id, '--jetstream']);
    const stored = [await store('e1', 'b1'), await store('e1', 'again'), await store('e2', 'b2')];

    const { ended } = await listen('stored.>', '--type', type, '--jetstream', '--count', '2');

    expect(stored.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(linesOf(await ended)).toMatchObject([{ message: { bookId: 'b1' } }, { message: { bookId: 'b2' } }]);
  });

  it('read the headers of other clients, whatever their letter case', async () => {
    const { host, username: user, password: pass } = new URL(nats.adminUrl);
    const client = await connect({ servers: host, user, pass });
    const { ended } = await listen('mixed.>', '--count', '1');
    const given = headers();
    given.set('Ce-Type', type);
    client.publish('mixed.a', toBinary(BookReturnedSchema, create(BookReturnedSchema, { bookId: 'b1' })), {
      headers: given,
    });
    await client.drain();

    expect(linesOf(await ended)).toMatchObject([{ headers: { 'ce-type': type }, type, message: { bookId: 'b1' } }]);
  });

  it('fail if no stream takes the event, or has the subject', async () => {
    const published = await publish([type, '--subject', 'lost.a', '--data', '{}', '--jetstream']);
    const listened = await runUntil(never, ['listen', 'lost.>', '--jetstream', ...descriptors, ...broker()]);

    expect([published.exitCode, published.errors]).toEqual([
      2,
      'error: --nats: "lost.a" is not published: no stream takes it',
    ]);
    expect([listened.exitCode, listened.errors]).toEqual([2, expect.stringContaining('no stream has the subject')]);
  });

  it('end with 1 if fewer events come than were asked for', async () => {
    const { ended } = await listen('silent.>', '--count', '1', '--seconds', '1');

    expect(await ended).toMatchObject({ exitCode: 1, out: '' });
  });
});

describe('a broker', () => {
  it.each([
    ['that refuses the password', () => nats.adminUrl.replace(/:[^:@]+@/, ':wr0ng@'), 'it refuses the credentials'],
    ['that is not there', () => 'nats://user:wr0ng@127.0.0.1:1', 'nothing listens at the address'],
  ])('%s is an error without the password', async (_, url, reason) => {
    const refused = await runUntil(never, ['publish', type, '--data', '{}', ...descriptors, '--nats', url()]);

    expect([refused.exitCode, refused.errors]).toEqual([2, `error: --nats: the broker cannot be reached: ${reason}`]);
  });
});
