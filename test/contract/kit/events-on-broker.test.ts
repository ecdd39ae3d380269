// `kit verify-events`: an event contract against what a provider in another process publishes on a real broker.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { cloudEventHeaders, contract, like } from '@touchstone/kit';
import { connect, headers as natsHeaders } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BookReturnedSchema } from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { startTestNats, type TestNats } from '../../support/nats.ts';
import { runUntil } from '../../unit/kit/command-line/fake-terminal.ts';
import { makeDirectory } from './contract-files.ts';

const type = BookReturnedSchema.typeName;
const never = new Promise<void>(() => undefined);

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats({ isProvisioned: false });
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
});

type Provider = AsyncDisposable & { readonly url: string; readonly asked: object[] };

/** Starts a provider that publishes these events when it is asked to, as its own code would. */
async function startPublisher(events: readonly MessageInitShape<typeof BookReturnedSchema>[]): Promise<Provider> {
  const { host, username: user, password: pass } = new URL(nats.adminUrl);
  const connection = await connect({ servers: host, user, pass });
  const asked: object[] = [];
  const server = createServer(async (request, response) => {
    asked.push((await json(request)) as object);
    for (const event of events) {
      const headers = natsHeaders();
      const time = '2025-06-07T08:09:10.123Z';
      const ofEvent = { specversion: '1.0', id: 'e77', type, source: '/library', time };
      for (const [name, value] of Object.entries(ofEvent)) headers.set(`ce-${name}`, value);
      headers.set('content-type', 'application/protobuf');
      connection.publish(type, toBinary(BookReturnedSchema, create(BookReturnedSchema, event)), { headers });
    }
    await connection.flush();
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/publish`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await connection.close();
    },
  };
}

/** Verifies a contract of the event with a provider that publishes these events. */
async function verify(events: readonly MessageInitShape<typeof BookReturnedSchema>[], timeout: string) {
  await using directory = await makeDirectory();
  await contract('Reader', 'Library', { directory: directory.path })
    .uponReceiving('a book came back')
    .event(
      BookReturnedSchema,
      { bookId: like('b1'), version: 2n },
      { headers: cloudEventHeaders({ type, source: '/library' }) },
    )
    .handledBy(() => undefined);
  await using provider = await startPublisher(events);
  const options = ['--descriptors', 'packages/kit/examples/library/proto', '--timeout', timeout, '--json'];
  const target = ['--nats', nats.adminUrl, '--publish-url', provider.url];
  const output = await runUntil(never, ['verify-events', directory.path, ...options, ...target]);
  return { ...output, result: JSON.parse(output.out), asked: provider.asked };
}

describe('kit verify-events', () => {
  it('asks the provider for the event, and ends as soon as one is as the contract says', async () => {
    const { exitCode, result, asked } = await verify([{ version: 1n }, { bookId: 'b9', version: 2n }], '600000');

    expect([exitCode, result.isHonoured]).toEqual([0, true]);
    expect(asked).toEqual([{ consumer: 'Reader', description: 'a book came back', subject: type, type }]);
  });

  it('reports the differences of the nearest event', async () => {
    const { exitCode, result } = await verify([{ version: 1n }, { bookId: 'b9', version: 1n }], '1000');

    expect(exitCode).toBe(1);
    expect(result.interactions[0].checks[0].differences).toMatchObject([{ path: 'body.version', expected: '2' }]);
  });

  it('reports that nothing was published', async () => {
    const { exitCode, result } = await verify([], '300');

    expect(exitCode).toBe(1);
    expect(result.interactions[0].checks[0].differences).toMatchObject([{ actual: 'nothing was published' }]);
  });
});
