// The spans of RPCs, served and called, after OpenTelemetry's semantic conventions.
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { portOf } from './http-spans.ts';
import { describeSpan, isRecorded, SpanKind, type SpanOptions, type TraceHeaders } from './tracing.ts';

/** The codes that are failures of the server; the others are the caller's mistakes. */
const SERVER_FAILURES = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** The span of an RPC served, which continues the trace of its caller. */
export function serverSpan(method: DescMethod, headers: TraceHeaders): SpanOptions {
  return { ...spanOf(method), kind: SpanKind.SERVER, headers, failureOf: (error) => serverErrorType(codeOf(error)) };
}

/** The `error.type` of an RPC served; undefined for a code that is the caller's mistake. */
export function serverErrorType(code: Code): string | undefined {
  return SERVER_FAILURES.has(code) ? codeName(code) : undefined;
}

/** The span of one attempt of an RPC called, at the replica of this address. */
export function clientSpan(method: DescMethod, url: string): SpanOptions {
  const { name, attributes } = spanOf(method);
  const server = new URL(url);
  return {
    name,
    attributes: { ...attributes, 'server.address': server.hostname, 'server.port': portOf(server) },
    kind: SpanKind.CLIENT,
    failureOf: (error) => codeName(codeOf(error)),
  };
}

/** Runs an RPC and records its status code in the current span. */
export function recordStatus<Response>(call: () => Promise<Response>): Promise<Response> {
  return isRecorded() ? runAndRecord(call) : call();
}

async function runAndRecord<Response>(call: () => Promise<Response>): Promise<Response> {
  try {
    const response = await call();
    describeSpan({ 'rpc.status_code': 'ok' });
    return response;
  } catch (error) {
    describeSpan({ 'rpc.status_code': codeName(codeOf(error)) });
    throw error;
  }
}

/** A code as the wire has it: `invalid_argument`. */
export function codeName(code: Code): string {
  return Code[code].replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

function spanOf(method: DescMethod) {
  const name = `${method.parent.typeName}/${method.name}`;
  return { name, attributes: { 'rpc.system.name': 'connectrpc', 'rpc.method': name } };
}

function codeOf(error: unknown): Code {
  return ConnectError.from(error).code;
}
