// The checker's reading of a stream: what its leader has, whichever replica its consumer is on.
import { NatsError } from 'nats';
import { expect, it } from 'vitest';
import type { StreamReader } from '../../support/invariants/sources.ts';
import { readStream } from '../../support/invariants/streams.ts';

const MESSAGE_NOT_FOUND = 10037;

function messageMissing(): NatsError {
  const error = new NatsError('no message found', '404');
  error.api_error = { code: 404, err_code: MESSAGE_NOT_FOUND, description: 'no message found' };
  return error;
}

/** A stream whose leader has messages with these ids, undefined for a deleted one, and whose consumer delivers the first of them. */
function readerOf(stored: readonly (string | undefined)[], { delivers }: { readonly delivers: number }) {
  const asked: number[] = [];
  const closed: string[] = [];
  const toMessage = (id: string, index: number) => {
    const fields = { get: (name: string) => (name === 'ce-id' ? id : '') };
    return { subject: 'shop.order.v1.X', seq: index + 1, data: new Uint8Array(), headers: fields, header: fields };
  };
  const deliver = async function* () {
    for (const [index, id] of stored.slice(0, delivers).entries())
      yield { ...toMessage(id ?? '', index), info: { pending: delivers - index - 1 } };
  };
  const messages = Object.assign(deliver(), {
    stop: () => undefined,
    close: async () => void closed.push('messages'),
  });
  const consumer = { consume: async () => messages, delete: async () => void closed.push('consumer') };
  const state = { messages: stored.length, first_seq: 1, last_seq: stored.length, first_ts: '2026-01-01T00:00:00Z' };
  const getMessage = async (_: string, { seq }: { seq: number }) => {
    asked.push(seq);
    const id = stored[seq - 1];
    if (id === undefined) throw messageMissing();
    return toMessage(id, seq - 1);
  };
  const reader = {
    jetstream: { consumers: { get: async () => consumer } },
    manager: { streams: { info: async () => ({ state }), getMessage } },
  } as unknown as StreamReader;
  return { reader, asked, closed };
}

it.each([
  ['is behind', 1, [2, 3]],
  ['has nothing yet', 0, [1, 2, 3]],
  ['has all', 3, []],
] as const)('has all that the leader has when the consumer is on a replica that %s', async (_, delivers, rest) => {
  const { reader, asked, closed } = readerOf(['a', 'b', 'c'], { delivers });

  const stream = await readStream(reader, 'order');

  expect(stream?.events).toMatchObject([
    { id: 'a', sequence: 1 },
    { id: 'b', sequence: 2 },
    { id: 'c', sequence: 3 },
  ]);
  expect(asked).toEqual(rest);
  expect(closed).toEqual(['messages', 'consumer']);
});

it('leaves out what was deleted', async () => {
  const { reader } = readerOf(['a', 'b', undefined, 'd'], { delivers: 2 });

  expect((await readStream(reader, 'order'))?.events.map(({ id }) => id)).toEqual(['a', 'b', 'd']);
});
