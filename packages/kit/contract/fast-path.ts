// The fast path of a mock provider: a plain unary Connect call that matches exactly one interaction is decoded, matched
// and answered without Connect. Every other call takes the normal path, which also reports what is wrong with it.

import type { IncomingHttpHeaders } from 'node:http';
import { type DescMessage, fromBinary, fromJsonString, type Message, toBinary, toJsonString } from '@bufbuild/protobuf';
import type { UnaryAnswer, UnaryCall } from '@touchstone/rpc-server/port';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { quoteLongNumbers } from '../matching/exact-json.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';
import type { InteractionRegistry } from './interaction-registry.ts';
import { hasPlainTimeout, readerOf } from './request-headers.ts';

// Connect compresses answers from this size on, for callers that accept it.
const COMPRESSED_FROM_BYTES = 1024;

type Codec = {
  decode(desc: DescMessage, body: Uint8Array): Message;
  encode(desc: DescMessage, message: Message): Uint8Array;
};

/** Answers plain calls from a registry of interactions. */
export class FastPath {
  readonly #registry: InteractionRegistry;
  readonly #codecs: Readonly<Record<string, Codec>>;

  constructor(registry: InteractionRegistry) {
    this.#registry = registry;
    this.#codecs = createCodecs(registry);
  }

  /** Returns the answer to a call; `undefined` when the call has to take the normal path. */
  answer(call: UnaryCall): UnaryAnswer | undefined {
    const contentType = call.header['content-type'] ?? '';
    const codec = isPlain(call.header) ? this.#codecs[contentType] : undefined;
    if (!codec) return undefined;
    try {
      return this.#answer(call, contentType, codec);
    } catch {
      // What cannot be decoded or encoded fails on the normal path too, which reports the error to the caller.
      return undefined;
    }
  }

  #answer({ method, header, body }: UnaryCall, contentType: string, codec: Codec): UnaryAnswer | undefined {
    const request = codec.decode(method.input, body);
    const interaction = this.#registry.tryMatch({ method, requests: [request], header: readerOf(header) });
    const [response] = interaction?.responses ?? [];
    if (!interaction || !response || interaction.failure) return undefined;
    const answer = codec.encode(method.output, createExample(method.output, response));
    if (answer.byteLength >= COMPRESSED_FROM_BYTES) return undefined;
    return { status: 200, header: headersOf(interaction, contentType, answer), body: [answer], trailer: undefined };
  }
}

function createCodecs({ registry }: InteractionRegistry): Readonly<Record<string, Codec>> {
  return {
    'application/json': {
      decode: (desc, body) =>
        fromJsonString(desc, quoteLongNumbers(desc, new TextDecoder().decode(body), registry), { registry }),
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
