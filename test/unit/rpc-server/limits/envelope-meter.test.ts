import { expect, it } from 'vitest';
import { EnvelopeMeter } from '#packages/rpc-server/limits/envelope-meter.ts';

function envelope(length: number): Uint8Array {
  const bytes = Buffer.alloc(5 + length, 1);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

const two = Buffer.concat([envelope(3), envelope(0), envelope(300)]);

it.each([1, 2, 4, 5, 7, 100, two.length])('finds the end of each message in chunks of %d bytes', (size) => {
  const meter = new EnvelopeMeter();
  const between: number[] = [];
  for (let offset = 0; offset < two.length; offset += size) {
    meter.add(two.subarray(offset, offset + size));
    if (meter.heldBytes === 0) between.push(Math.min(two.length, offset + size));
  }

  expect(between.at(-1)).toBe(two.length);
  if (size === 1) expect(between).toEqual([8, 13, two.length]);
});

it('announces the longest of the messages that arrive together', () => {
  expect(new EnvelopeMeter().add(two.subarray(0, -1))).toBe(300);
  expect(new EnvelopeMeter().add(Buffer.concat([envelope(300), envelope(3)]))).toBe(300);
});

it('holds what has arrived of an incomplete message, and announces its length', () => {
  const meter = new EnvelopeMeter();

  expect(meter.add(envelope(1_000).subarray(0, 3))).toBe(0);
  expect(meter.heldBytes).toBe(3);
  expect(meter.add(envelope(1_000).subarray(3, 105))).toBe(1_000);
  expect(meter.heldBytes).toBe(105);
  meter.add(envelope(1_000).subarray(105));
  expect(meter.heldBytes).toBe(0);
});
