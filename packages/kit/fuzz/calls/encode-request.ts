// A generated call as an HTTP request: path, headers and body.

import { type DescMessage, type Message, type Registry, toBinary, toJson } from '@bufbuild/protobuf';
import { nameOf } from '../../base/rpc-name.ts';
import { damageEnvelopes, damagePayload, envelope } from './body-damage.ts';
import { INVALID_TEXT } from './deviations.ts';
import type { FuzzCall } from './fuzz-call.ts';
import { contentTypeOf, isEnveloped, mayGet } from './fuzz-wire.ts';

/** An HTTP request. */
export type RawRequest = {
  readonly httpMethod: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
};

const MAX_GET_BYTES = 4_000;

/** Returns the request of a call. `common` are the headers of every call, before which those of this one stand back. */
export function encodeRequest(
  call: FuzzCall,
  registry: Registry,
  common: Readonly<Record<string, string>>,
): RawRequest {
  const { method, wire } = call;
  const headers = headersOf(call, common);
  const body = encodeBody(call, registry);
  if (isSentByGet(call, body)) {
    return { httpMethod: 'GET', path: pathOfGet(call, body), headers, body: new Uint8Array() };
  }
  return {
    httpMethod: 'POST',
    path: `/${nameOf(method)}`,
    headers: {
      ...headers,
      'content-type': contentTypeOf(wire, method),
      ...(wire.protocol === 'grpc' ? { te: 'trailers' } : {}),
      ...(wire.protocol === 'grpc-web' ? { 'x-grpc-web': '1' } : {}),
      ...(wire.protocol === 'connect' ? { 'connect-protocol-version': '1' } : {}),
    },
    body,
  };
}

/** Returns the headers of a call that are not those of its protocol. */
export function headersOf(
  { headers = {} }: FuzzCall,
  common: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return { ...headers, ...common };
}

/** Returns the messages of a call with its deviation. */
export function messagesToSend({ messages, deviation }: FuzzCall): readonly Message[] {
  const [first, ...rest] = messages;
  return first && deviation ? [deviation.apply(first), ...rest] : messages;
}

// Servers limit the length of a URL; a longer message is sent by POST.
function isSentByGet({ isGet = false, wire, method }: FuzzCall, body: Uint8Array): boolean {
  return isGet && mayGet(wire, method) && body.length <= MAX_GET_BYTES;
}

function pathOfGet({ method, wire }: FuzzCall, body: Uint8Array): string {
  const encoding = wire.codec === 'json' ? 'json' : 'proto';
  const message = Buffer.from(body).toString('base64url');
  return `/${nameOf(method)}?connect=v1&encoding=${encoding}&base64=1&message=${message}`;
}

function encodeBody(call: FuzzCall, registry: Registry): Uint8Array {
  const { method, wire, damage } = call;
  const payloads = messagesToSend(call).map((message, index) => {
    const payload = wire.codec === 'json' ? encodeJson(call, message, registry) : encodeMessage(method.input, message);
    return damage && index === 0 ? damagePayload(payload, damage, method.input, wire.codec === 'json') : payload;
  });
  if (!isEnveloped(wire, method)) return payloads[0] ?? new Uint8Array();
  return damage ? damageEnvelopes(payloads, damage) : Buffer.concat(payloads.map((payload) => envelope(payload)));
}

function encodeJson({ method }: FuzzCall, message: Message, registry: Registry): Uint8Array {
  const text = JSON.stringify(toJson(method.input, message, { registry }));
  return Buffer.from(text.replaceAll(INVALID_TEXT, '\\ud800'));
}

/** Returns a message in binary, in which a text that is to be no Unicode is none. */
export function encodeMessage(desc: DescMessage, message: Message): Uint8Array {
  const bytes = Buffer.from(toBinary(desc, message));
  for (let at = bytes.indexOf(INVALID_TEXT); at >= 0; at = bytes.indexOf(INVALID_TEXT)) {
    bytes.fill(0xff, at, at + INVALID_TEXT.length);
  }
  return bytes;
}
