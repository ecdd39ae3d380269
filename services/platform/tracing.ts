// One trace from the client's call through RPC, outbox, events and handlers: W3C traceparent in headers, spans in between.
import {
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { describeError } from './errors.ts';

const ORDER_ID = createContextKey('order id');
const TRACER = 'touchstone';

/** Headers that carry a trace: `traceparent`, and `tracestate` when there is one. */
export type TraceHeaders = Record<string, string>;

/** Installs trace context for this process. Repeated calls do nothing, so that several services can share a test process. */
export function installTracing(): void {
  if (!trace.setGlobalTracerProvider(new TracerProvider())) return;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
}

/** The headers that hand the current trace on. */
export function injectTrace(): TraceHeaders {
  const headers: TraceHeaders = {};
  propagation.inject(context.active(), headers);
  return headers;
}

/**
 * Runs `work` in a span that continues the trace of `headers`, or starts a new one when they hold none; without `headers` it
 * belongs to the span around it. The span records a thrown error.
 */
export function runInSpan<T>(
  options: { readonly name: string; readonly kind: SpanKind; readonly headers?: TraceHeaders },
  work: () => Promise<T>,
): Promise<T> {
  const parent = options.headers === undefined ? context.active() : propagation.extract(ROOT_CONTEXT, options.headers);
  return trace.getTracer(TRACER).startActiveSpan(options.name, { kind: options.kind }, parent, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: describeError(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Runs `work` with its log lines and spans marked with an order's id. */
export function runForOrder<T>(orderId: string, work: () => T): T {
  trace.getActiveSpan()?.setAttribute('order.id', orderId);
  return context.with(context.active().setValue(ORDER_ID, orderId), work);
}

/** The order this work is for, if it is for one. */
export function currentOrderId(active: Context = context.active()): string | undefined {
  return active.getValue(ORDER_ID) as string | undefined;
}

/** The same items, each produced in the trace and for the order of this moment: a stream is read after its call returned. */
export function keepContext<T>(source: AsyncIterable<T>): AsyncIterable<T> {
  const active = context.active();
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = source[Symbol.asyncIterator]();
      const end = async (): Promise<IteratorResult<T>> =>
        (await iterator.return?.()) ?? { done: true, value: undefined };
      return {
        next: () => context.with(active, () => iterator.next()),
        return: () => context.with(active, end),
      };
    },
  };
}

/** The trace id of a `traceparent` header: 32 hexadecimal digits, or empty. */
export function traceIdOf(traceparent: string | undefined): string {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent ?? '')?.[1] ?? '';
}

export { SpanKind } from '@opentelemetry/api';
