// Reads the spans of an OTLP export.
import { fromBinary } from '@bufbuild/protobuf';
import { SpanKind } from '#gen/local/control/v1/control_pb.ts';
import { type Attribute, type ExportedSpan, TraceExportSchema } from '#gen/local/trace/v1/trace_pb.ts';
import type { RememberedSpan } from './span-memory.ts';

const FAILED = 2;
/** Numbered as in OTLP. */
const KINDS = [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER];
const NANOSECONDS = 1_000_000n;

/** Reads the body of an export. Throws an Error when it is none. */
export function readSpans(body: Uint8Array): RememberedSpan[] {
  return fromBinary(TraceExportSchema, body).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const process = textsOf(resource?.attributes ?? []).get('service.name') ?? '';
    const spans = scopeSpans.flatMap((scope) => scope.spans).filter(({ attributes }) => !isStatement(attributes));
    return spans.map((span) => readSpan(span, process));
  });
}

// A statement is part of the work of the call or event that it is for: an order has forty of them.
function isStatement(attributes: readonly Attribute[]): boolean {
  return attributes.some(({ key }) => key === 'db.system.name');
}

function readSpan(span: ExportedSpan, process: string): RememberedSpan {
  const texts = textsOf(span.attributes);
  return {
    traceId: hexOf(span.traceId),
    spanId: hexOf(span.spanId),
    parentId: hexOf(span.parentSpanId),
    process,
    name: span.name,
    kind: KINDS.find((kind) => kind === span.kind) ?? SpanKind.UNSPECIFIED,
    start: millisecondsOf(span.startTimeUnixNano),
    milliseconds: Math.max(0, millisecondsOf(span.endTimeUnixNano - span.startTimeUnixNano)),
    outcome: texts.get('rpc.status_code') ?? texts.get('event.result') ?? texts.get('error.type') ?? '',
    failed: span.status?.code === FAILED,
    orderId: texts.get('order.id') ?? '',
  };
}

function textsOf(attributes: readonly Attribute[]): Map<string, string> {
  return new Map(attributes.map(({ key, value }) => [key, value?.stringValue ?? '']));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Nanoseconds do not fit into a number: the whole milliseconds are split off first. */
function millisecondsOf(nanoseconds: bigint): number {
  return Number(nanoseconds / NANOSECONDS) + Number(nanoseconds % NANOSECONDS) / Number(NANOSECONDS);
}
