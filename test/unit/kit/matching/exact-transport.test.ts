// What Connect is given so that numbers of 64 bits in JSON requests and replies keep their digits.
import { createRegistry } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { exactJson, exactTransport } from '../../../../packages/kit/matching/exact-json.ts';
import { getBook, listBooks } from '../contract/library-interactions.ts';
import { BookSchema } from './library-books.ts';

const registry = createRegistry(BookSchema);
const takeBook = { ...getBook, input: BookSchema };
const giveBook = { ...getBook, output: BookSchema };
const utf8 = (text: string) => new TextEncoder().encode(text);

describe('the JSON options of requests', () => {
  it('keep every digit of the request that is read with them', () => {
    const { textDecoder } = exactJson(takeBook, registry, 'ignored');

    expect(textDecoder.decode(utf8('{"catalogueNumber":9007199254740993,"title":"Käthe"}'))).toBe(
      '{"catalogueNumber":"9007199254740993","title":"Käthe"}',
    );
  });

  it('refuse bytes that are no text, which would be read as another one', () => {
    const { textDecoder } = exactJson(takeBook, registry, 'ignored');

    expect(() => textDecoder.decode(Uint8Array.of(34, 255, 34))).toThrow(TypeError);
  });

  it('ignore fields that the schema does not have, or refuse them', () => {
    expect(exactJson(takeBook, registry, 'ignored')).toMatchObject({ registry, ignoreUnknownFields: true });
    expect(exactJson(takeBook, registry, 'refused')).toMatchObject({ registry, ignoreUnknownFields: false });
  });
});

describe('the transport of exact replies', () => {
  /** A transport that records the options it is created with, and the calls. */
  function recordedTransport() {
    const created: ReturnType<typeof exactJson>[] = [];
    const calls: unknown[] = [];
    const create = (options: ReturnType<typeof exactJson>): Transport => {
      created.push(options);
      const place = created.length;
      return {
        unary: async (...call: unknown[]) => calls.push(['unary', place, ...call]) as never,
        stream: async (...call: unknown[]) => calls.push(['stream', place, ...call]) as never,
      };
    };
    return { transport: exactTransport(create, registry, 'refused'), created, calls };
  }

  it('passes calls on, with one transport for each RPC', async () => {
    const { transport, created, calls } = recordedTransport();

    await transport.unary(getBook, undefined, 5, undefined, {});
    await transport.stream(listBooks, undefined, 6, undefined, [] as never);
    await transport.unary(getBook, undefined, 7, undefined, {});

    expect(calls).toEqual([
      ['unary', 1, getBook, undefined, 5, undefined, {}],
      ['stream', 2, listBooks, undefined, 6, undefined, []],
      ['unary', 1, getBook, undefined, 7, undefined, {}],
    ]);
    expect(created).toHaveLength(2);
  });

  it('keeps every digit of replies, and refuses unknown fields where it is told to', async () => {
    const { transport, created } = recordedTransport();

    await transport.unary(giveBook, undefined, undefined, undefined, {});

    expect(created).toMatchObject([{ registry, ignoreUnknownFields: false }]);
    expect(created[0]?.textDecoder.decode(utf8('{"catalogueNumber":9007199254740993}'))).toBe(
      '{"catalogueNumber":"9007199254740993"}',
    );
  });
});
