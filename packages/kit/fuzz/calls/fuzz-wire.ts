// The ways in which generated calls are sent: protocol, codec and HTTP version.

import type { DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { WireName } from '../../verification/wire.ts';

/** A way to send a call. */
export type FuzzWire = {
  readonly name: WireName;
  readonly protocol: 'connect' | 'grpc' | 'grpc-web';
  readonly codec: 'json' | 'binary';
  readonly http: '1.1' | '2';
};

/** Every way there is. */
export const FUZZ_WIRES: readonly FuzzWire[] = [
  { name: 'Connect JSON, HTTP/1.1', protocol: 'connect', codec: 'json', http: '1.1' },
  { name: 'Connect JSON, HTTP/2', protocol: 'connect', codec: 'json', http: '2' },
  { name: 'Connect binary, HTTP/1.1', protocol: 'connect', codec: 'binary', http: '1.1' },
  { name: 'Connect binary, HTTP/2', protocol: 'connect', codec: 'binary', http: '2' },
  { name: 'gRPC, HTTP/2', protocol: 'grpc', codec: 'binary', http: '2' },
  { name: 'gRPC-Web, HTTP/1.1', protocol: 'grpc-web', codec: 'binary', http: '1.1' },
  { name: 'gRPC-Web, HTTP/2', protocol: 'grpc-web', codec: 'binary', http: '2' },
];

/** Returns whether bodies of this RPC are sequences of envelopes. Only those of unary calls of Connect are not. */
export function isEnveloped({ protocol }: FuzzWire, method: DescMethod): boolean {
  return protocol !== 'connect' || method.methodKind !== 'unary';
}

/** Returns whether calls of an RPC can be made in this way. A conversation is not possible over HTTP/1.1. */
export function canCarry({ http }: FuzzWire, { methodKind }: DescMethod): boolean {
  return http === '2' || methodKind !== 'bidi_streaming';
}

/** Returns whether an RPC may be called by GET: in Connect, if it is unary and declared to have no side effects. */
export function mayGet({ protocol }: FuzzWire, { methodKind, idempotency }: DescMethod): boolean {
  return protocol === 'connect' && methodKind === 'unary' && idempotency === IdempotencyLevel.NO_SIDE_EFFECTS;
}

/** Returns the content type of a request, and of an answer that is not a plain error. */
export function contentTypeOf(wire: FuzzWire, method: DescMethod): string {
  const codec = wire.codec === 'json' ? 'json' : 'proto';
  if (wire.protocol !== 'connect') return `application/${wire.protocol}+${codec}`;
  return isEnveloped(wire, method) ? `application/connect+${codec}` : `application/${codec}`;
}
