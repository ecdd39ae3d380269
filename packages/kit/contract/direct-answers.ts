// The short way of a stand-in in a consumer's test: an unary Connect call that plainly is for one interaction is decoded,
// matched and answered at once. Whatever is out of the ordinary goes the usual way, which also says what is wrong with it.

import type { IncomingHttpHeaders } from 'node:http';
import { type DescMessage, fromBinary, fromJsonString, type Message, toBinary, toJsonString } from '@bufbuild/protobuf';
import type { UnaryAnswer, UnaryCall } from '@touchstone/rpc-server/port';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';
import { hasPlainTimeout, readerOf } from './call-header.ts';
import type { InteractionBook } from './interaction-registry.ts';

// From this size on answers are compressed for callers that accept it.
const compressedFromBytes = 1024;

interface Codec {
  decode(desc: DescMessage, body: Uint8Array): Message;
  encode(desc: DescMessage, message: Message): Uint8Array;
}

/** Answers from a book of interactions. */
export class DirectAnswers {
  readonly #book: InteractionBook;
  readonly #codecs: Readonly<Record<string, Codec>>;

  constructor(book: InteractionBook) {
    this.#book = book;
    this.#codecs = createCodecs(book);
  }

  /** Returns the answer to a call; `undefined` where it has to go the usual way. */
  recall(call: UnaryCall): UnaryAnswer | undefined {
    const contentType = call.header['content-type'] ?? '';
    const codec = isPlain(call.header) ? this.#codecs[contentType] : undefined;
    if (!codec) return undefined;
    try {
      return this.#answer(call, contentType, codec);
    } catch {
      // What cannot be decoded or encoded cannot on the usual way either, where the caller is told so.
      return undefined;
    }
  }

  #answer({ method, header, body }: UnaryCall, contentType: string, codec: Codec): UnaryAnswer | undefined {
    const request = codec.decode(method.input, body);
    const interaction = this.#book.find({ method, requests: [request], header: readerOf(header) });
    const [response] = interaction?.responses ?? [];
    if (!interaction || !response || interaction.failure) return undefined;
    const answer = codec.encode(method.output, createExample(method.output, response));
    if (answer.byteLength >= compressedFromBytes) return undefined;
    return { status: 200, header: headersOf(interaction, contentType, answer), body: [answer], trailer: undefined };
  }
}

function createCodecs({ registry }: InteractionBook): Readonly<Record<string, Codec>> {
  return {
    'application/json': {
      decode: (desc, body) => fromJsonString(desc, new TextDecoder().decode(body), { registry }),
      encode: (desc, message) => new TextEncoder().encode(toJsonString(desc, message, { registry })),
    },
    'application/proto': { decode: fromBinary, encode: toBinary },
  };
}

function isPlain(header: IncomingHttpHeaders): boolean {
  const version = header['connect-protocol-version'];
  return (
    header['content-encoding'] === undefined &&
    header.origin === undefined &&
    (version === undefined || version === '1') &&
    hasPlainTimeout(header)
  );
}

function headersOf({ responseHeaders, responseTrailers }: RpcInteraction, contentType: string, answer: Uint8Array) {
  const trailers = Object.entries(createExampleHeaders(responseTrailers));
  const header = {
    ...createExampleHeaders(responseHeaders),
    ...Object.fromEntries(trailers.map(([name, value]) => [`trailer-${name}`, value])),
    'content-type': contentType,
    'content-length': String(answer.byteLength),
  };
  return Object.fromEntries(Object.entries(header).sort(([a], [b]) => (a < b ? -1 : 1)));
}
