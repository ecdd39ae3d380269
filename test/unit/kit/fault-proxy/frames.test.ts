// HTTP/2 frames: written, and parsed however their bytes arrive.
import { describe, expect, it } from 'vitest';
import {
  Flag,
  FrameType,
  MalformedError,
  readWord,
  renumber,
  withoutPadding,
  writeFrame,
  writeGoAway,
  writeHeaders,
  writeReset,
  writeWindowUpdate,
} from '../../../../packages/kit/fault-proxy/http2/frame.ts';
import { FrameReader } from '../../../../packages/kit/fault-proxy/http2/frame-reader.ts';
import { HeaderBlocks } from '../../../../packages/kit/fault-proxy/http2/header-blocks.ts';
import { encodeFields } from '../../../../packages/kit/fault-proxy/http2/hpack.ts';

const frames = [
  writeFrame(FrameType.settings, 0, 0, Buffer.alloc(0)),
  writeFrame(FrameType.data, Flag.endStream, 3, Buffer.from('hello')),
  writeWindowUpdate(0, 70_000),
  writeReset(5, 8),
  writeGoAway(7, 11),
];

function summary(reader: FrameReader, chunks: readonly Buffer[]): unknown[] {
  return chunks
    .flatMap((chunk) => reader.push(chunk))
    .map(({ type, flags, streamId, payload }) => [type, flags, streamId, payload.toString('hex')]);
}

const expected = [
  [4, 0, 0, ''],
  [0, 1, 3, '68656c6c6f'],
  [8, 0, 0, '00011170'],
  [3, 0, 5, '00000008'],
  [7, 0, 0, '000000070000000b'],
];

describe('the frame reader', () => {
  it('reads several frames out of one chunk', () => {
    expect(summary(new FrameReader(), [Buffer.concat(frames)])).toEqual(expected);
  });

  it('reads the same frames when their bytes arrive one at a time', () => {
    const bytes = [...Buffer.concat(frames)].map((byte) => Buffer.of(byte));

    expect(summary(new FrameReader(), bytes)).toEqual(expected);
  });

  it('reads the same frames wherever the bytes are split', () => {
    const all = Buffer.concat(frames);
    for (let cut = 0; cut <= all.length; cut += 1) {
      expect(summary(new FrameReader(), [all.subarray(0, cut), all.subarray(cut)])).toEqual(expected);
    }
  });

  it('holds an incomplete frame and returns it on request', () => {
    const reader = new FrameReader();

    expect(reader.push(frames[1]!.subarray(0, 11))).toEqual([]);
    expect(reader.heldBytes).toBe(11);
    expect(reader.takeRest()).toEqual(frames[1]!.subarray(0, 11));
    expect(reader.heldBytes).toBe(0);
  });

  it('ignores the reserved bit of a stream id', () => {
    const bytes = Buffer.from(frames[1]!);
    bytes[5] = 0x80;

    expect(new FrameReader().push(bytes)[0]?.streamId).toBe(3);
  });
});

describe('a frame', () => {
  it('is renumbered in place', () => {
    const bytes = Buffer.from(frames[1]!);
    renumber(bytes, 0x01020304);

    expect(bytes.toString('hex')).toBe('00000500010102030468656c6c6f');
  });

  it('announces another length to be truncated', () => {
    expect(writeFrame(FrameType.data, 0, 1, Buffer.from('ab'), 9).toString('hex')).toBe('0000090000000000016162');
  });

  it.each([
    { name: 'without padding', flags: 0, payload: 'abc', rest: 'abc' },
    { name: 'with padding', flags: Flag.padded, payload: '\u0002abc\0\0', rest: 'abc' },
    { name: 'with more padding than there is', flags: Flag.padded, payload: '\u0009abc', rest: '' },
  ])('$name yields its payload', ({ flags, payload, rest }) => {
    const [frame] = new FrameReader().push(writeFrame(FrameType.data, flags, 1, Buffer.from(payload)));

    expect(withoutPadding(frame!).toString()).toBe(rest);
  });

  it('is malformed if it is too short for its number', () => {
    expect(() => readWord(Buffer.of(0, 0, 1))).toThrow(MalformedError);
  });
});

describe('a header block', () => {
  it('that fits is one HEADERS frame', () => {
    const [frame, ...rest] = new FrameReader().push(writeHeaders(9, Buffer.from('xyz'), true));

    expect(rest).toEqual([]);
    expect([frame?.type, frame?.flags, frame?.streamId]).toEqual([1, Flag.endStream | Flag.endHeaders, 9]);
  });

  it('that does not fit is continued, and only the last frame ends it', () => {
    const written = new FrameReader().push(writeHeaders(9, Buffer.alloc(40_000), true));

    expect(written.map(({ type, flags, payload }) => [type, flags, payload.length])).toEqual([
      [1, Flag.endStream, 16_384],
      [9, 0, 16_384],
      [9, Flag.endHeaders, 7_232],
    ]);
  });

  it('is limited alone, however many there are on a connection', () => {
    const blocks = new HeaderBlocks();
    const value = 'x'.repeat(16_000);
    const [frame] = new FrameReader().push(
      writeHeaders(1, encodeFields([{ name: 'x', value, isSensitive: false }]), true),
    );

    for (const _ of Array(100).keys()) expect(frame && blocks.add(frame)).toMatchObject({ fields: [{ value }] });
  });

  it('may be empty', () => {
    expect(new FrameReader().push(writeHeaders(1, Buffer.alloc(0), false))[0]?.flags).toBe(Flag.endHeaders);
  });
});
