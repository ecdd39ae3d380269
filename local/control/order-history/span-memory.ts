// The latest spans of traces that are about an order. Most traces are not, such as those of the page's own reads: they are dropped soon.
import type { SpanKind } from '#gen/local/control/v1/control_pb.ts';

const MOST_SPANS = 20_000;
/** A span that names the order may come later than the rest of its trace, from another process. */
const MOST_UNRELATED_TRACES = 1_000;
const MOST_SPANS_OF_TRACE = 500;

export type RememberedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentId: string;
  readonly process: string;
  readonly name: string;
  /** Numbered as in OTLP. */
  readonly kind: SpanKind;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly milliseconds: number;
  readonly outcome: string;
  readonly failed: boolean;
  /** The order that the span names; empty for none. */
  readonly orderId: string;
};

export type SpanMemory = {
  add(spans: readonly RememberedSpan[]): void;
  /** The spans of every trace that names the order, by their beginning, at most `limit`. */
  findByOrder(orderId: string, limit: number): RememberedSpan[];
};

type Trace = { readonly id: string; readonly spans: RememberedSpan[]; readonly orders: Set<string> };

/** Creates an empty memory of at most `most` spans of orders. */
export function createSpanMemory(most = MOST_SPANS, mostUnrelated = MOST_UNRELATED_TRACES): SpanMemory {
  // Maps keep the order of insertion: the first trace is the oldest.
  const unrelated = new Map<string, Trace>();
  const related = new Map<string, Trace>();
  const tracesOfOrder = new Map<string, Set<Trace>>();
  let size = 0;

  const relate = (trace: Trace, orderId: string): void => {
    if (trace.orders.has(orderId)) return;
    trace.orders.add(orderId);
    const traces = tracesOfOrder.get(orderId) ?? new Set();
    tracesOfOrder.set(orderId, traces.add(trace));
    if (!unrelated.delete(trace.id)) return;
    related.set(trace.id, trace);
    size += trace.spans.length;
  };
  const forget = (trace: Trace): void => {
    related.delete(trace.id);
    size -= trace.spans.length;
    for (const orderId of trace.orders) {
      const traces = tracesOfOrder.get(orderId);
      traces?.delete(trace);
      if (traces?.size === 0) tracesOfOrder.delete(orderId);
    }
  };
  const keep = (span: RememberedSpan): void => {
    const { traceId, orderId } = span;
    const known = related.get(traceId) ?? unrelated.get(traceId);
    const trace = known ?? { id: traceId, spans: [], orders: new Set<string>() };
    if (known === undefined) unrelated.set(traceId, trace);
    if (trace.spans.length >= MOST_SPANS_OF_TRACE) return;
    trace.spans.push(span);
    if (related.has(traceId)) size += 1;
    if (orderId !== '') relate(trace, orderId);
  };
  return {
    add: (spans) => {
      for (const span of spans) keep(span);
      for (const [traceId] of unrelated) {
        if (unrelated.size <= mostUnrelated) break;
        unrelated.delete(traceId);
      }
      for (const [, trace] of related) {
        if (size <= most) break;
        forget(trace);
      }
    },
    findByOrder: (orderId, limit) =>
      [...(tracesOfOrder.get(orderId) ?? [])]
        .flatMap(({ spans }) => spans)
        .sort((one, other) => one.start - other.start)
        .slice(0, limit),
  };
}
