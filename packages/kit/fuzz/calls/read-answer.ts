// Reads an answer by the rules of its protocol: messages, an error with a code, or the reason why it is neither.

import {
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  type Registry,
} from '@bufbuild/protobuf';
import type { Code } from '@connectrpc/connect';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import { reasonOf } from '../../base/error-reason.ts';
import { streamsResponses } from '../../base/method-kind.ts';
import type { FuzzCall } from './fuzz-call.ts';
import { contentTypeOf, isEnveloped } from './fuzz-wire.ts';
import type { RawAnswer } from './http-client.ts';

/** An answer, read. */
export type Answer =
  | { readonly kind: 'ok'; readonly messages: readonly Message[] }
  | { readonly kind: 'error'; readonly code: Code; readonly message: string }
  /** An HTTP error without the body of an RPC error. */
  | { readonly kind: 'http error'; readonly status: number }
  /** It is no answer of this protocol. */
  | { readonly kind: 'unreadable'; readonly reason: string };

type CompleteAnswer = RawAnswer & { kind: 'answer' };
type Frame = { readonly flags: number; readonly payload: Uint8Array };

const END_OF_CONNECT = 2;
const END_OF_GRPC_WEB = 0x80;

/** Reads a complete answer. */
export function readAnswer(answer: CompleteAnswer, call: FuzzCall, registry: Registry): Answer {
  if (answer.isCut) return { kind: 'ok', messages: [] };
  try {
    return call.wire.protocol === 'connect' ? readConnect(answer, call, registry) : readGrpc(answer, call, registry);
  } catch (error) {
    return { kind: 'unreadable', reason: reasonOf(error) };
  }
}

function readConnect(answer: CompleteAnswer, call: FuzzCall, registry: Registry): Answer {
  const { status, body } = answer;
  if (status !== 200) return readConnectError(answer);
  requireType(answer, [contentTypeOf(call.wire, call.method)]);
  if (!isEnveloped(call.wire, call.method)) return { kind: 'ok', messages: [readMessage(body, call, registry)] };
  const frames = readFrames(body);
  const last = frames.at(-1);
  if (!last || (last.flags & END_OF_CONNECT) === 0) throw new Error('the stream has no end-of-stream message');
  const messages = frames.slice(0, -1).map(({ payload }) => readMessage(payload, call, registry));
  const { error } = parseObject(last.payload, 'the end-of-stream message') as { error?: unknown };
  return error === undefined ? ended(messages, call) : readErrorObject(error);
}

function readConnectError({ status, headers, body }: CompleteAnswer): Answer {
  if (mediaTypeOf(headers) !== 'application/json') return { kind: 'http error', status };
  return readErrorObject(parseObject(body, 'the error'));
}

function readErrorObject(json: unknown): Answer {
  const { code: name, message = '' } = json as { code?: unknown; message?: unknown };
  const code = typeof name === 'string' ? codeFromString(name) : undefined;
  if (code === undefined) throw new Error(`the error has the code ${JSON.stringify(name)}, which is none`);
  if (typeof message !== 'string') throw new Error('the message of the error is not a string');
  return { kind: 'error', code, message };
}

function readGrpc(answer: CompleteAnswer, call: FuzzCall, registry: Registry): Answer {
  const { status, headers, body } = answer;
  if (status !== 200) return { kind: 'http error', status };
  // Without a suffix it is the format of the request.
  requireType(answer, [`application/${call.wire.protocol}`, contentTypeOf(call.wire, call.method)]);
  const frames = readFrames(body);
  const end =
    call.wire.protocol === 'grpc-web' ? frames.find(({ flags }) => (flags & END_OF_GRPC_WEB) !== 0) : undefined;
  const trailers = { ...headers, ...answer.trailers, ...(end ? parseTrailers(end.payload) : {}) };
  const grpcStatus = trailers['grpc-status'];
  if (grpcStatus === undefined || !/^\d+$/.test(grpcStatus)) throw new Error('the answer has no grpc-status');
  const code = Number(grpcStatus);
  if (code > 16) throw new Error(`grpc-status ${grpcStatus} is not a status`);
  const messages = frames.filter((frame) => frame !== end).map(({ payload }) => readMessage(payload, call, registry));
  if (code === 0) return ended(messages, call);
  return { kind: 'error', code, message: decodeMessage(trailers['grpc-message'] ?? '') };
}

function ended(messages: readonly Message[], { method }: FuzzCall): Answer {
  if (streamsResponses(method) || messages.length === 1) return { kind: 'ok', messages };
  throw new Error(`the answer has ${messages.length} messages instead of one`);
}

function requireType({ headers }: CompleteAnswer, types: readonly [string, ...string[]]): void {
  if (types.includes(mediaTypeOf(headers))) return;
  throw new Error(`the content type is ${headers['content-type'] ?? 'none'} instead of ${types[0]}`);
}

/** Returns the content type without its parameters, in lower case. */
function mediaTypeOf({ 'content-type': type = '' }: CompleteAnswer['headers']): string {
  return type.replace(/;.*/s, '').trim().toLowerCase();
}

function readMessage(bytes: Uint8Array, { method, wire }: FuzzCall, registry: Registry): Message {
  const desc: DescMessage = method.output;
  if (wire.codec === 'binary') return fromBinary(desc, bytes);
  return fromJson(desc, parse(bytes, 'the answer'), { registry, ignoreUnknownFields: true });
}

function readFrames(body: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 5) throw new Error('the body ends in the middle of an envelope');
    const flags = bytes.readUInt8(at);
    const length = bytes.readUInt32BE(at + 1);
    at += 5 + length;
    if (at > bytes.length) throw new Error('the body ends in the middle of a message');
    frames.push({ flags, payload: bytes.subarray(at - length, at) });
  }
  return frames;
}

function parse(bytes: Uint8Array, what: string): JsonValue {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
  } catch (error) {
    throw new Error(`${what} is not JSON: ${reasonOf(error)}`, { cause: error });
  }
}

function parseObject(bytes: Uint8Array, what: string): object {
  const json = parse(bytes, what);
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw new Error(`${what} is not a JSON object`);
}

function parseTrailers(payload: Uint8Array): Record<string, string> {
  const lines = Buffer.from(payload).toString().split('\r\n');
  return Object.fromEntries(
    lines
      .filter((line) => line.includes(':'))
      .map((line) => {
        const at = line.indexOf(':');
        return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()];
      }),
  );
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new Error('grpc-message is not percent-encoded', { cause: error });
  }
}
