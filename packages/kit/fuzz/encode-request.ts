// A generated call as an HTTP request: path, headers and body.

import { type Message, type Registry, toBinary, toJson } from '@bufbuild/protobuf';
import { nameOf } from '../base/rpc-name.ts';
import { damageEnvelopes, damagePayload, envelope } from './body-damage.ts';
import { INVALID_TEXT } from './deviations.ts';
import type { FuzzCall } from './fuzz-call.ts';
import { contentTypeOf, isEnveloped } from './fuzz-wire.ts';

/** An HTTP request. Its method is POST. */
export type RawRequest = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
};

/** Returns the request of a call. */
export function encodeRequest(
  call: FuzzCall,
  registry: Registry,
  headers: Readonly<Record<string, string>>,
): RawRequest {
  const { method, wire } = call;
  return {
    path: `/${nameOf(method)}`,
    headers: {
      ...headers,
      'content-type': contentTypeOf(wire, method),
      ...(wire.protocol === 'grpc' ? { te: 'trailers' } : {}),
      ...(wire.protocol === 'grpc-web' ? { 'x-grpc-web': '1' } : {}),
      ...(wire.protocol === 'connect' ? { 'connect-protocol-version': '1' } : {}),
    },
    body: encodeBody(call, registry),
  };
}

/** Returns the messages of a call with its deviation. */
export function messagesToSend({ messages, deviation }: FuzzCall): readonly Message[] {
  const [first, ...rest] = messages;
  return first && deviation ? [deviation.apply(first), ...rest] : messages;
}

function encodeBody(call: FuzzCall, registry: Registry): Uint8Array {
  const { method, wire, damage } = call;
  const payloads = messagesToSend(call).map((message, index) => {
    const payload = encodeMessage(call, message, registry);
    return damage && index === 0 ? damagePayload(payload, damage, method.input, wire.codec === 'json') : payload;
  });
  if (!isEnveloped(wire, method)) return payloads[0] ?? new Uint8Array();
  return damage ? damageEnvelopes(payloads, damage) : Buffer.concat(payloads.map((payload) => envelope(payload)));
}

function encodeMessage({ method, wire }: FuzzCall, message: Message, registry: Registry): Uint8Array {
  if (wire.codec === 'json') {
    const text = JSON.stringify(toJson(method.input, message, { registry }));
    return Buffer.from(text.replaceAll(INVALID_TEXT, '\\ud800'));
  }
  const bytes = Buffer.from(toBinary(method.input, message));
  for (let at = bytes.indexOf(INVALID_TEXT); at >= 0; at = bytes.indexOf(INVALID_TEXT)) {
    bytes.fill(0xff, at, at + INVALID_TEXT.length);
  }
  return bytes;
}
