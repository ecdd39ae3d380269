// One trace from the client's call through RPC, outbox, events and handlers: W3C traceparent in headers, spans in between.
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions as SpanStartOptions,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { RandomIdGenerator } from '@opentelemetry/sdk-trace';
import { DomainError } from '../base/errors.ts';

const CORRELATION_ID = createContextKey('correlation id');
const OPERATION = createContextKey('operation');
const IDS = new RandomIdGenerator();

/** Headers that carry a trace: `traceparent`, and `tracestate` when there is one. */
export type TraceHeaders = Record<string, string>;

let isInstalled = false;
let correlationName = 'correlation_id';
let startSpan: Tracer['startSpan'] = startBareSpan;

/**
 * Installs trace context for this process; further calls only set the name, so that several services can share a test process.
 *
 * @param correlation the log field of the id that `runWithCorrelation` sets, in snake_case.
 */
export function installTracing(correlation = correlationName): void {
  correlationName = correlation;
  if (isInstalled) return;
  isInstalled = true;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
}

/** Uses this tracer for the spans of this process from now on. Without one, or with undefined, spans are only ids for headers and logs. */
export function installTracer(tracer: Tracer | undefined): void {
  startSpan = tracer === undefined ? startBareSpan : tracer.startSpan.bind(tracer);
}

// Only generates ids. The caller's trace flags are propagated unchanged, because its trace may be recorded elsewhere.
function startBareSpan(_name: string, _options?: SpanStartOptions, parent: Context = context.active()): Span {
  const enclosing = trace.getSpanContext(parent);
  const spanId = IDS.generateSpanId();
  if (enclosing === undefined) {
    return trace.wrapSpanContext({ traceId: IDS.generateTraceId(), spanId, traceFlags: TraceFlags.SAMPLED });
  }
  return trace.wrapSpanContext({ ...enclosing, spanId, isRemote: false });
}

/** The headers that propagate the current trace. */
export function injectTrace(): TraceHeaders {
  const headers: TraceHeaders = {};
  propagation.inject(context.active(), headers);
  return headers;
}

const SET_HEADER = { set: (headers: Headers, name: string, value: string) => headers.set(name, value) };

/** Adds the headers that propagate the current trace to a request. */
export function injectTraceInto(headers: Headers): void {
  propagation.inject(context.active(), headers, SET_HEADER);
}

export type SpanOptions = {
  readonly name: string;
  readonly kind: SpanKind;
  readonly headers?: Readonly<TraceHeaders>;
  readonly attributes?: Attributes;
  /** The `error.type` of a thrown error; undefined when it is no failure. By default its reason or its class. */
  readonly failureOf?: (error: unknown) => string | undefined;
};

/**
 * Runs `work` in a span that continues the trace of `headers`, or starts a new trace when they hold none; without `headers` it is a
 * child of the current span. The span records the type of a thrown error, never its message, which may contain secrets.
 */
export function runInSpan<T>(options: SpanOptions, work: () => Promise<T>): Promise<T> {
  const { name, kind, headers, attributes = {}, failureOf = errorTypeOf } = options;
  const parent = headers === undefined ? context.active() : propagation.extract(ROOT_CONTEXT, headers);
  const span = startSpan(name, { kind, attributes }, parent);
  // An incoming call or event is an operation of its own; an outgoing event belongs to the operation that sends it.
  const isOperation = headers !== undefined && kind !== SpanKind.PRODUCER;
  const inside = trace.setSpan(isOperation ? parent.setValue(OPERATION, name) : parent, span);
  // How it ends need not be recorded.
  if (!span.isRecording()) return context.with(inside, async () => work());
  return context.with(inside, async () => {
    try {
      return await work();
    } catch (error) {
      const failure = failureOf(error);
      if (failure !== undefined) span.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The span in which an event is published or handled, in the trace of its headers. */
export function eventSpan(
  operation: 'publish' | 'handle',
  subject: string,
  eventId: string,
  headers: Readonly<Record<string, string>>,
  consumerGroup?: string,
): SpanOptions {
  return {
    name: `${operation} ${subject}`,
    kind: operation === 'publish' ? SpanKind.PRODUCER : SpanKind.CONSUMER,
    headers,
    attributes: {
      'messaging.system': 'nats',
      'messaging.operation.type': operation === 'publish' ? 'send' : 'process',
      'messaging.operation.name': operation,
      'messaging.destination.name': subject,
      'messaging.message.id': eventId,
      ...(consumerGroup === undefined ? {} : { 'messaging.consumer.group.name': consumerGroup }),
    },
  };
}

/** Whether the current span is recorded; if not, its attributes need not be computed. */
export function isRecorded(): boolean {
  return trace.getActiveSpan()?.isRecording() ?? false;
}

/** The current span as the labels of an exemplar. */
export type TraceLabels = { readonly trace_id: string; readonly span_id: string };

/** The current span when it is recorded, so that a reader of its id finds it; undefined otherwise. */
export function recordedTrace(): TraceLabels | undefined {
  const span = trace.getActiveSpan();
  if (span === undefined || !span.isRecording()) return undefined;
  const { traceId, spanId } = span.spanContext();
  return { trace_id: traceId, span_id: spanId };
}

/** Adds attributes to the current span. */
export function describeSpan(attributes: Attributes): void {
  trace.getActiveSpan()?.setAttributes(attributes);
}

/** Marks the current span as failed, with this `error.type`, where the failure is not thrown. */
export function failSpan(errorType: string): void {
  trace.getActiveSpan()?.setAttribute('error.type', errorType).setStatus({ code: SpanStatusCode.ERROR });
}

/** The `error.type` of an error: its reason, or its class. */
export function errorTypeOf(error: unknown): string {
  if (error instanceof DomainError) return error.reason;
  return error instanceof Error ? error.name : typeof error;
}

/** Runs `work` with this correlation id in its log lines and in the current span. */
export function runWithCorrelation<T>(id: string, work: () => T): T {
  // `invoice_id` in logs is `invoice.id` in spans.
  trace.getActiveSpan()?.setAttribute(correlationName.replaceAll('_', '.'), id);
  return context.with(context.active().setValue(CORRELATION_ID, id), work);
}

/** The correlation id of the current work; undefined when it has none. */
export function currentCorrelationId(active: Context = context.active()): string | undefined {
  return active.getValue(CORRELATION_ID) as string | undefined;
}

/** The same as a log field; empty when there is none. */
export function correlationField(): Record<string, string> {
  const id = currentCorrelationId();
  return id === undefined ? {} : { [correlationName]: id };
}

/** The name of the RPC or event that is being handled; undefined in the process's own background work. */
export function currentOperation(active: Context = context.active()): string | undefined {
  return active.getValue(OPERATION) as string | undefined;
}

/** The same items, each produced in the context of this moment: a stream is read after its call returned. */
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

/** Returns `work`, which then always runs in the context of this moment. */
export function keepContextOf<Given extends unknown[], Result>(
  work: (...given: Given) => Result,
): (...given: Given) => Result {
  return context.bind(context.active(), work);
}

/** The trace id of a `traceparent` header: 32 hexadecimal digits, or empty. */
export function traceIdOf(traceparent: string | undefined): string {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent ?? '')?.[1] ?? '';
}

export { SpanKind } from '@opentelemetry/api';
