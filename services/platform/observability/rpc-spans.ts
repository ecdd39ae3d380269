// The spans of RPCs, served and called, after OpenTelemetry's semantic conventions.
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
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
  const failureOf = (error: unknown): string | undefined => {
    const code = codeOf(error);
    return SERVER_FAILURES.has(code) ? codeName(code) : undefined;
  };
  return { ...spanOf(method), kind: SpanKind.SERVER, headers, failureOf };
}

/** The span of one attempt of an RPC called. */
export function clientSpan(method: DescMethod): SpanOptions {
  return { ...spanOf(method), kind: SpanKind.CLIENT, failureOf: (error) => codeName(codeOf(error)) };
}

/** Runs an RPC and records its status code in the current span. */
export function recordStatus<Response>(call: () => Promise<Response>): Promise<Response> {
  return isRecorded() ? runAndRecord(call) : call();
}

async function runAndRecord<Response>(call: () => Promise<Response>): Promise<Response> {
  try {
    const response = await call();
    describeSpan({ 'rpc.response.status_code': 'ok' });
    return response;
  } catch (error) {
    describeSpan({ 'rpc.response.status_code': codeName(codeOf(error)) });
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
