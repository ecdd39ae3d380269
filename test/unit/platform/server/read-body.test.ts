import { expect, it } from 'vitest';
import { readBody } from '#services/platform/server/read-body.ts';

const CHUNK_BYTES = 65_536;

/** A body of this many chunks, which tells how many were read. */
function createBody(chunks: number) {
  const body = {
    read: 0,
    async *[Symbol.asyncIterator]() {
      for (; body.read < chunks; body.read += 1) yield Buffer.alloc(CHUNK_BYTES, body.read);
    },
  };
  return body;
}

it('a body within the limit is returned whole', async () => {
  const body = await readBody(createBody(2), 2 * CHUNK_BYTES);
  expect([body?.length, body?.[0], body?.at(-1)]).toEqual([2 * CHUNK_BYTES, 0, 1]);
});

it('a body that is too large is read to its end, so that its caller can be answered', async () => {
  const body = createBody(20);
  expect([await readBody(body, CHUNK_BYTES), body.read]).toEqual([undefined, 20]);
});

it('a body that does not end is left after 4 MiB more', async () => {
  const body = createBody(Number.POSITIVE_INFINITY);
  expect([await readBody(body, CHUNK_BYTES), body.read]).toEqual([undefined, 65]);
});
