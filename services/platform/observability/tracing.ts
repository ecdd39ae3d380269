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

const ORDER_ID = createContextKey('order id');
const WORK = createContextKey('work');
const IDS = new RandomIdGenerator();

/** Headers that carry a trace: `traceparent`, and `tracestate` when there is one. */
export type TraceHeaders = Record<string, string>;

let isInstalled = false;
let startSpan: Tracer['startSpan'] = startBareSpan;

/** Installs trace context for this process. Repeated calls do nothing, so that several services can share a test process. */
export function installTracing(): void {
  if (isInstalled) return;
  isInstalled = true;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
}

/** Makes the spans of this process from now on: without a tracer they are no more than ids, for headers and logs. */
export function installTracer(tracer: Tracer): void {
  startSpan = tracer.startSpan.bind(tracer);
}

// Costs no more than the ids; whether the caller's trace is recorded elsewhere is handed on as it came.
function startBareSpan(_name: string, _options?: SpanStartOptions, parent: Context = context.active()): Span {
  const around = trace.getSpanContext(parent);
  const spanId = IDS.generateSpanId();
  if (around === undefined) {
    return trace.wrapSpanContext({ traceId: IDS.generateTraceId(), spanId, traceFlags: TraceFlags.SAMPLED });
  }
  return trace.wrapSpanContext({ ...around, spanId, isRemote: false });
}

/** The headers that hand the current trace on. */
export function injectTrace(): TraceHeaders {
  const headers: TraceHeaders = {};
  propagation.inject(context.active(), headers);
  return headers;
}

const SET_HEADER = { set: (headers: Headers, name: string, value: string) => headers.set(name, value) };

/** Puts the headers that hand the current trace on among those of a request. */
export function injectTraceInto(headers: Headers): void {
  propagation.inject(context.active(), headers, SET_HEADER);
}

export type SpanOptions = {
  readonly name: string;
  readonly kind: SpanKind;
  readonly headers?: Readonly<TraceHeaders>;
  readonly attributes?: Attributes;
  /** The kind of failure that a thrown error is; undefined for one that is none. By default its reason or its class. */
  readonly failureOf?: (error: unknown) => string | undefined;
};

/**
 * Runs `work` in a span that continues the trace of `headers`, or starts a new one when they hold none; without `headers` it
 * belongs to the span around it. The span records what kind of error was thrown, never its words: they may tell too much.
 */
export function runInSpan<T>(options: SpanOptions, work: () => Promise<T>): Promise<T> {
  const { name, kind, headers, attributes = {}, failureOf = kindOfError } = options;
  const parent = headers === undefined ? context.active() : propagation.extract(ROOT_CONTEXT, headers);
  const span = startSpan(name, { kind, attributes }, parent);
  // What comes from outside is work of its own; what is sent is part of the work it is sent for.
  const isWork = headers !== undefined && kind !== SpanKind.PRODUCER;
  const inside = trace.setSpan(isWork ? parent.setValue(WORK, name) : parent, span);
  // Nobody would read how it ended.
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

/** The span in which an event is published or handled, in the trace that its headers hold. */
export function eventSpan(
  operation: 'publish' | 'handle',
  subject: string,
  eventId: string,
  headers: Readonly<Record<string, string>>,
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
    },
  };
}

/** Whether somebody records the span around: without, there is nothing to tell of it. */
export function isRecorded(): boolean {
  return trace.getActiveSpan()?.isRecording() ?? false;
}

/** Tells more of the span around. */
export function describeSpan(attributes: Attributes): void {
  trace.getActiveSpan()?.setAttributes(attributes);
}

function kindOfError(error: unknown): string {
  if (error instanceof DomainError) return error.reason;
  return error instanceof Error ? error.name : typeof error;
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

/** The name of the work of which this is a part: of the RPC served, the event handled; undefined for the process's own. */
export function currentWork(active: Context = context.active()): string | undefined {
  return active.getValue(WORK) as string | undefined;
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
