// Spans as a collector receives them, read by the field numbers of OTLP's trace.proto.
import { bytesOf, type Fields, messages, numberOf, readAttributes, readFields, textOf } from './otlp-wire.ts';

export type ReceivedSpan = {
  /** The resource's `service.name`. */
  readonly service: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty at the root of a trace. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: SpanKindName;
  readonly attributes: Readonly<Record<string, string>>;
  readonly hasFailed: boolean;
};

export type SpanKindName = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

const KINDS: readonly SpanKindName[] = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_ERROR = 2;

export function readSpans(body: Uint8Array): ReceivedSpan[] {
  return messages(readFields(body), 1).flatMap((resourceSpans) => {
    const resource = readAttributes(messages(resourceSpans, 1)[0], 1);
    const spans = messages(resourceSpans, 2).flatMap((scopeSpans) => messages(scopeSpans, 2));
    return spans.map((span) => readSpan(span, resource));
  });
}

function readSpan(span: Fields, resource: Record<string, string>): ReceivedSpan {
  return {
    service: resource['service.name'] ?? '',
    resource,
    traceId: bytesOf(span, 1).toString('hex'),
    spanId: bytesOf(span, 2).toString('hex'),
    parentId: bytesOf(span, 4).toString('hex'),
    name: textOf(span, 5),
    kind: KINDS[numberOf(span, 6)] ?? 'internal',
    attributes: readAttributes(span, 9),
    hasFailed: numberOf(messages(span, 15)[0], 3) === STATUS_ERROR,
  };
}
