import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { compressions } from '#packages/rpc-server/compression.ts';

const row = JSON.stringify({ orderId: 'o-1', items: [{ productId: '12345', quantity: 1 }] });
const page = Buffer.from(Array.from({ length: 500 }, (_, index) => `${row}${index}`).join());

const fastest = {
  gzip: gzipSync(page, { level: 1 }),
  br: brotliCompressSync(page, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_SIZE_HINT]: page.length },
  }),
} as Record<string, Buffer>;

it.each(compressions)(
  '$name compresses at its fastest level, and reads what it wrote',
  async ({ name, ...compression }) => {
    const compressed = await compression.compress(page);

    expect(Buffer.from(compressed)).toEqual(fastest[name]);
    expect(Buffer.from(await compression.decompress(compressed, page.length))).toEqual(page);
  },
);

it.each(compressions)(
  '$name stops at the limit: it does not unpack a message that is larger',
  async ({ name, decompress }) => {
    const bomb = new Uint8Array(fastest[name]!);

    await expect(decompress(bomb, page.length - 1)).rejects.toMatchObject({
      code: Code.ResourceExhausted,
      rawMessage: `message is larger than ${page.length - 1} bytes after decompression`,
    });
  },
);

it.each(compressions)('$name takes an empty message for one that is empty', async ({ decompress }) => {
  expect(await decompress(new Uint8Array(), 1)).toHaveLength(0);
});
