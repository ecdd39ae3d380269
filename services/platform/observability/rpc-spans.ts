// The spans of RPCs, served and called, by OpenTelemetry's conventions.
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { describeSpan, isRecorded, SpanKind, type SpanOptions, type TraceHeaders } from './tracing.ts';

/** The codes by which a served RPC failed; the others are the caller's mistakes. */
const FAILURES_OF_SERVER = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** The span of an RPC served, which continues the trace of its caller. */
export function servedRpcSpan(method: DescMethod, headers: TraceHeaders): SpanOptions {
  const failureOf = (error: unknown): string | undefined => {
    const code = codeOf(error);
    return FAILURES_OF_SERVER.has(code) ? codeName(code) : undefined;
  };
  return { ...spanOf(method), kind: SpanKind.SERVER, headers, failureOf };
}

/** The span of one try of an RPC called. */
export function calledRpcSpan(method: DescMethod): SpanOptions {
  return { ...spanOf(method), kind: SpanKind.CLIENT, failureOf: (error) => codeName(codeOf(error)) };
}

/** Runs an RPC and tells its span how it ended. */
export function withStatus<Response>(call: () => Promise<Response>): Promise<Response> {
  return isRecorded() ? tellStatus(call) : call();
}

async function tellStatus<Response>(call: () => Promise<Response>): Promise<Response> {
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
