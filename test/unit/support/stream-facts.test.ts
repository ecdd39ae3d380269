// The checker's reading of a stream: what its leader has, whichever replica serves the reading.
import type { JsMsg } from 'nats';
import { expect, it } from 'vitest';
import type { StreamReader } from '../../support/invariants/sources.ts';
import { readStream } from '../../support/invariants/streams.ts';

type Delivery = { readonly id: string; readonly pending: number };

/** A reader of a stream whose leader has so many messages, and whose consumer delivers these. */
function readerOf(stored: number, deliveries: readonly Delivery[]) {
  const closed: string[] = [];
  const deliver = async function* () {
    for (const [index, { id, pending }] of deliveries.entries()) {
      const headers = { get: () => id };
      yield { subject: 'shop.order.v1.X', seq: index + 1, data: new Uint8Array(), headers, info: { pending } } as never;
    }
  };
  const messages = Object.assign(deliver() as AsyncIterable<JsMsg>, {
    stop: () => undefined,
    close: async () => void closed.push('messages'),
  });
  const consumer = { consume: async () => messages, delete: async () => void closed.push('consumer') };
  const state = { messages: stored, first_seq: 1, last_seq: stored, first_ts: '2026-01-01T00:00:00Z' };
  const reader = {
    jetstream: { consumers: { get: async () => consumer } },
    manager: { streams: { info: async () => ({ state }) } },
  } as unknown as StreamReader;
  return { reader, closed };
}

it('does not end where a replica that is behind has no more, but with what the leader has', async () => {
  const { reader, closed } = readerOf(3, [
    { id: 'a', pending: 1 },
    { id: 'b', pending: 0 },
    { id: 'c', pending: 0 },
  ]);

  const stream = await readStream(reader, 'order');

  expect(stream?.events.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(closed).toEqual(['messages', 'consumer']);
});

it('reads on while more is pending than there was at its start', async () => {
  const { reader } = readerOf(1, [
    { id: 'a', pending: 1 },
    { id: 'b', pending: 0 },
  ]);

  expect((await readStream(reader, 'order'))?.events).toHaveLength(2);
});

it('fails when the reading ends before it has all, and leaves no consumer behind', async () => {
  const { reader, closed } = readerOf(3, [{ id: 'a', pending: 0 }]);

  await expect(readStream(reader, 'order')).rejects.toThrow('SHOP_ORDER ended after 1 events');
  expect(closed).toEqual(['messages', 'consumer']);
});
