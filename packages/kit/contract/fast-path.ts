// The fast path of mock providers and stub servers: a plain unary Connect call that matches exactly one interaction is decoded, matched
// and answered without Connect. A call that is equal to an earlier one is not even decoded. Every other call takes the normal path, which
// also reports what is wrong with it.

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { type DescMessage, fromBinary, fromJsonString, type Message, toBinary, toJsonString } from '@bufbuild/protobuf';
import { nameOf } from '../base/rpc-name.ts';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { quoteLongNumbers } from '../matching/exact-json.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';
import type { InteractionRegistry } from './interaction-registry.ts';
import type { PlainCall } from './plain-call.ts';

// Connect compresses answers from this size on, for callers that accept it.
const COMPRESSED_FROM_BYTES = 1024;

// With the bodies of plain calls, 16 KiB at most, this bounds the memory in bytes too.
const MAX_REMEMBERED = 1_000;

// Deadlines that are certainly valid, and too long to expire before the answer.
const PLAIN_TIMEOUTS = { 'connect-timeout-ms': /^[1-9]\d{0,8}$/, 'grpc-timeout': /^[1-9]\d{0,5}[mS]$/ };

/** The answer to a plain call. Its HTTP status is 200. */
export type PlainAnswer = {
  readonly header: OutgoingHttpHeaders;
  readonly body: Uint8Array;
};

type Remembered = { readonly interaction: RpcInteraction; readonly answer: PlainAnswer };

type Codec = {
  decode(desc: DescMessage, body: Uint8Array): Message;
  encode(desc: DescMessage, message: Message): Uint8Array;
};

/** Answers plain calls from a registry of interactions. */
export class FastPath {
  readonly #registry: InteractionRegistry;
  readonly #codecs: Readonly<Record<string, Codec>>;
  /** The answers to the most recent calls, by all that decides which interaction answers. */
  readonly #remembered = new Map<string, Remembered>();
  #interactions: readonly RpcInteraction[] = [];

  constructor(registry: InteractionRegistry) {
    this.#registry = registry;
    this.#codecs = createCodecs(registry);
  }

  /** Returns the answer to a call; `undefined` when the call has to take the normal path. */
  answer(call: PlainCall): PlainAnswer | undefined {
    const contentType = call.header['content-type'] ?? '';
    const codec = isPlain(call.header) ? this.#codecs[contentType] : undefined;
    if (!codec) return undefined;
    if (this.#interactions !== this.#registry.interactions) {
      this.#interactions = this.#registry.interactions;
      this.#remembered.clear();
    }
    const key = this.#keyOf(call, contentType);
    const known = this.#remembered.get(key);
    if (known) {
      this.#registry.recordExercised(known.interaction);
      return known.answer;
    }
    try {
      const found = this.#answer(call, contentType, codec);
      if (found) this.#remember(key, found);
      return found?.answer;
    } catch {
      // What cannot be decoded or encoded fails on the normal path too, which reports the error to the caller.
      return undefined;
    }
  }

  #keyOf({ method, header, body }: PlainCall, contentType: string): string {
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
    const read = readerOf(header);
    // Null is another value than an empty text.
    const values = this.#registry.headersThatDecide(method).map((name) => JSON.stringify(read.get(name)));
    return [nameOf(method), contentType, ...values, text].join('\n');
  }

  #remember(key: string, found: Remembered): void {
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size >= MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(key, found);
  }

  #answer({ method, header, body }: PlainCall, contentType: string, codec: Codec): Remembered | undefined {
    const request = codec.decode(method.input, body);
    const interaction = this.#registry.tryMatch({ method, requests: [request], header: readerOf(header) });
    const [response] = interaction?.responses ?? [];
    if (!interaction || !response || interaction.failure) return undefined;
    const answer = codec.encode(method.output, createExample(method.output, response));
    if (answer.byteLength >= COMPRESSED_FROM_BYTES) return undefined;
    return { interaction, answer: { header: headersOf(interaction, contentType, answer), body: answer } };
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

function hasPlainTimeout(header: IncomingHttpHeaders): boolean {
  return Object.entries(PLAIN_TIMEOUTS).every(([name, pattern]) => {
    const value = header[name];
    return value === undefined || pattern.test(String(value));
  });
}

// Node's headers in the form of the Fetch API.
function readerOf(header: IncomingHttpHeaders): Pick<Headers, 'get'> {
  return {
    get: (name) => {
      const value = header[name];
      return Array.isArray(value) ? value.join(', ') : (value ?? null);
    },
  };
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
