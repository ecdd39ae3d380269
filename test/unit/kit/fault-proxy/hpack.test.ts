// HPACK: the examples of RFC 7541, appendix C, and malformed blocks.
import { describe, expect, it } from 'vitest';
import {
  Flag,
  FrameType,
  MalformedError,
  writeFrame,
  writeHeaders,
} from '../../../../packages/kit/fault-proxy/http2/frame.ts';
import { FrameReader } from '../../../../packages/kit/fault-proxy/http2/frame-reader.ts';
import { HeaderBlocks } from '../../../../packages/kit/fault-proxy/http2/header-blocks.ts';
import { encodeFields, fieldValue, HpackDecoder } from '../../../../packages/kit/fault-proxy/http2/hpack.ts';
import { decodeHuffman } from '../../../../packages/kit/fault-proxy/http2/huffman.ts';
import { STATIC_TABLE } from '../../../../packages/kit/fault-proxy/http2/static-table.ts';

function decode(decoder: HpackDecoder, hex: string): string[] {
  return decoder.decode(Buffer.from(hex, 'hex')).map(({ name, value }) => `${name}: ${value}`);
}

const firstRequest = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];

describe('the static table', () => {
  it('has 61 fields in the order of the RFC', () => {
    const at = (index: number) => `${STATIC_TABLE[index - 1]?.name}=${STATIC_TABLE[index - 1]?.value}`;

    expect(STATIC_TABLE).toHaveLength(61);
    expect([1, 4, 8, 14, 16, 17, 31, 58, 61].map(at)).toEqual([
      ':authority=',
      ':path=/',
      ':status=200',
      ':status=500',
      'accept-encoding=gzip, deflate',
      'accept-language=',
      'content-type=',
      'user-agent=',
      'www-authenticate=',
    ]);
  });
});

describe('reading', () => {
  it.each([
    {
      how: 'as plain text',
      blocks: [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
    },
    {
      how: 'in Huffman code',
      blocks: [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
    },
  ])('decodes the requests of the RFC, $how', ({ blocks }) => {
    const decoder = new HpackDecoder();

    expect(blocks.map((block) => decode(decoder, block))).toEqual([
      firstRequest,
      [...firstRequest, 'cache-control: no-cache'],
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
    ]);
  });

  it('evicts the oldest fields of a full table, as in the responses of the RFC', () => {
    const decoder = new HpackDecoder();
    // The examples use a table of 256 bytes.
    decode(decoder, '3fe101');

    const location = 'location: https://www.example.com';
    const date = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
    expect(
      [
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ].map((block) => decode(decoder, block)),
    ).toEqual([
      [':status: 302', 'cache-control: private', date, location],
      [':status: 307', 'cache-control: private', date, location],
      [
        ':status: 200',
        'cache-control: private',
        'date: Mon, 21 Oct 2013 20:13:22 GMT',
        location,
        'content-encoding: gzip',
        'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      ],
    ]);
  });

  it('evicts every field of a table that shrinks to nothing', () => {
    const decoder = new HpackDecoder();
    decode(decoder, '828684418cf1e3c2e5f23a6ba0ab90f4ff');
    decode(decoder, '20');

    expect(() => decode(decoder, 'be')).toThrow(MalformedError);
  });

  it('keeps the mark of a sensitive field', () => {
    const [field] = new HpackDecoder().decode(Buffer.from('100870617373776f726406736563726574', 'hex'));

    expect(field).toEqual({ name: 'password', value: 'secret', isSensitive: true });
  });

  it('reports a change of table size once', () => {
    const decoder = new HpackDecoder();
    decode(decoder, '3fe10182');

    expect([decoder.takeSizeUpdate(), decoder.takeSizeUpdate()]).toEqual([256, undefined]);
  });

  it.each([
    { what: 'an entry no table has', block: 'be' },
    { what: 'the entry 0', block: '80' },
    { what: 'an integer that is cut off', block: 'ff' },
    { what: 'an integer without end', block: 'ffffffffffffffff01' },
    { what: 'a string that is cut off', block: '400a6375' },
    { what: 'a table of a gigabyte', block: '3fffffffff03' },
  ])('refuses $what', ({ block }) => {
    expect(() => decode(new HpackDecoder(), block)).toThrow(MalformedError);
  });
});

describe('the Huffman code', () => {
  it('has short and long codes', () => {
    expect(decodeHuffman(Buffer.from('9d29ad171863c78f0b97c8e9ae82ae43d3', 'hex'))).toBe('https://www.example.com');
    // Backslash, 19 bits, then padding.
    expect(decodeHuffman(Buffer.from('fffe1f', 'hex'))).toBe('\\');
  });

  it.each([
    { what: 'padding that is not all ones', bytes: '18' },
    { what: 'a whole byte of padding', bytes: '1fff' },
    { what: 'the end-of-string symbol', bytes: 'ffffffff' },
  ])('refuses $what', ({ bytes }) => {
    expect(() => decodeHuffman(Buffer.from(bytes, 'hex'))).toThrow(MalformedError);
  });
});

describe('writing', () => {
  const fields = [
    { name: ':path', value: `/${'x'.repeat(300)}`, isSensitive: false },
    { name: 'authorization', value: 'secret \u00fc', isSensitive: true },
  ];

  it('is decoded to the same fields', () => {
    expect(new HpackDecoder().decode(encodeFields(fields))).toEqual(fields);
  });

  it('does not change the table of the decoder', () => {
    const decoder = new HpackDecoder();
    decode(decoder, '828684418cf1e3c2e5f23a6ba0ab90f4ff');
    decoder.decode(encodeFields(fields));

    expect(decode(decoder, 'be')).toEqual([':authority: www.example.com']);
  });

  it('announces a change of table size first', () => {
    const decoder = new HpackDecoder();
    decoder.decode(encodeFields(fields, 4096));

    expect(decoder.takeSizeUpdate()).toBe(4096);
  });

  it('finds a field by its name', () => {
    expect([fieldValue(fields, 'authorization'), fieldValue(fields, 'host')]).toEqual(['secret \u00fc', undefined]);
  });
});

describe('header frames', () => {
  const block = encodeFields([{ name: ':path', value: '/a/b', isSensitive: false }]);
  const read = (bytes: Buffer) => {
    const blocks = new HeaderBlocks();
    return new FrameReader().push(bytes).map((frame) => blocks.add(frame));
  };

  it('form one block with their continuations', () => {
    const parts = Buffer.concat([
      writeFrame(FrameType.headers, Flag.endStream, 3, block.subarray(0, 2)),
      writeFrame(FrameType.continuation, 0, 3, block.subarray(2, 4)),
      writeFrame(FrameType.continuation, Flag.endHeaders, 3, block.subarray(4)),
    ]);
    const [first, second, third] = read(parts);

    expect([first, second]).toEqual([undefined, undefined]);
    expect(third).toMatchObject({ streamId: 3, endsStream: true, fields: [{ name: ':path', value: '/a/b' }] });
    expect(Buffer.concat(third?.frames ?? [])).toEqual(parts);
  });

  it('may carry padding and a priority', () => {
    const payload = Buffer.concat([Buffer.of(2, 0, 0, 0, 1, 15), block, Buffer.alloc(2)]);
    const flags = Flag.endHeaders | Flag.padded | Flag.priority;

    expect(read(writeFrame(FrameType.headers, flags, 3, payload))[0]?.fields[0]?.value).toBe('/a/b');
  });

  it('may announce a pushed stream', () => {
    const payload = Buffer.concat([Buffer.of(0, 0, 0, 8), block]);

    expect(read(writeFrame(FrameType.pushPromise, Flag.endHeaders, 3, payload))[0]).toMatchObject({
      promisedId: 8,
      endsStream: false,
    });
  });

  it.each([
    { what: 'a continuation of nothing', frames: [writeFrame(FrameType.continuation, 0, 1, block)] },
    {
      what: 'a continuation of another stream',
      frames: [writeFrame(FrameType.headers, 0, 1, block), writeFrame(FrameType.continuation, 0, 3, block)],
    },
    {
      what: 'new headers instead of a continuation',
      frames: [writeFrame(FrameType.headers, 0, 1, block), writeHeaders(1, block, true)],
    },
    {
      what: 'a block without end',
      frames: Array.from({ length: 70 }, (_, index) => writeFrame(index === 0 ? 1 : 9, 0, 1, Buffer.alloc(16_384))),
    },
  ])('refuse $what', ({ frames }) => {
    expect(() => read(Buffer.concat(frames))).toThrow(MalformedError);
  });
});
