import { Code, ConnectError, type UnaryRequest, type UnaryResponse } from '@connectrpc/connect';
import { SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { notFound } from '#services/platform/base/errors.ts';
import { propagateTrace } from '#services/platform/client/rpc-client.ts';
import { clientSpan, recordStatus, serverSpan } from '#services/platform/observability/rpc-spans.ts';
import {
  currentOperation,
  eventSpan,
  injectTrace,
  installTracer,
  installTracing,
  runInSpan,
  runWithCorrelation,
  SpanKind,
  type SpanOptions,
} from '#services/platform/observability/tracing.ts';

const ended = new InMemorySpanExporter();
const CALLER = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
const RPC = 'shop.order.v1.OrderService/CreateOrder';

beforeAll(() => {
  installTracing();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: ended })] });
  installTracer(provider.getTracer('test'));
});
afterEach(() => ended.reset());
// The files of a worker share the tracer: one that stays would start timers in their tests.
afterAll(() => installTracer(undefined));

/** The span of work that ends so. */
async function spanOf(options: SpanOptions, work: () => Promise<unknown> = async () => undefined) {
  await Promise.allSettled([runInSpan(options, work)]);
  const [span] = ended.getFinishedSpans();
  if (span === undefined) throw new Error('there is no span');
  return span;
}

const failWith = (error: unknown) => () => recordStatus(() => Promise.reject(error));

it('a tracer that was installed stays when one more service starts', async () => {
  installTracing();
  expect((await spanOf({ name: 'work', kind: SpanKind.INTERNAL })).name).toBe('work');
});

it('has the correlation id as an attribute, whose name has a dot for each underscore of the log field', async () => {
  installTracing('purchase_order_id');
  const span = await spanOf({ name: 'work', kind: SpanKind.INTERNAL }, async () =>
    runWithCorrelation('p1', () => undefined),
  );
  installTracing(DOMAIN.correlation);

  expect(span.attributes).toEqual({ 'purchase.order.id': 'p1' });
});

describe('a span of work that failed', () => {
  const work = { name: 'work', kind: SpanKind.INTERNAL };

  it.each<[string, unknown, string]>([
    ['a domain error by its reason', notFound('ORDER_NOT_FOUND', 'order secret'), 'ORDER_NOT_FOUND'],
    ['a mistake by its class', new TypeError('secret'), 'TypeError'],
    ['what is no error by its type', 'secret', 'string'],
  ])('records %s, and not its message', async (_, error, kind) => {
    const span = await spanOf(work, () => Promise.reject(error));
    expect(span.attributes).toEqual({ 'error.type': kind });
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span.events).toEqual([]);
  });
});

describe('the span of an RPC that is served', () => {
  const { createOrder } = OrderService.method;

  it('continues the trace of its caller, and names system and method', async () => {
    const span = await spanOf(serverSpan(createOrder, CALLER), () => recordStatus(async () => 'answer'));
    expect(span).toMatchObject({ name: RPC, kind: SpanKind.SERVER });
    expect(span.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
    expect(span.attributes).toEqual({
      'rpc.system.name': 'connectrpc',
      'rpc.method': RPC,
      'rpc.status_code': 'ok',
    });
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
  });

  it.each([
    [Code.InvalidArgument, false],
    [Code.NotFound, false],
    [Code.FailedPrecondition, false],
    [Code.PermissionDenied, false],
    [Code.ResourceExhausted, false],
    [Code.Canceled, false],
    [Code.Internal, true],
    [Code.Unknown, true],
    [Code.Unavailable, true],
    [Code.DeadlineExceeded, true],
    [Code.Unimplemented, true],
    [Code.DataLoss, true],
  ])('with code %s has failed: %s', async (code, hasFailed) => {
    const { attributes, status } = await spanOf(serverSpan(createOrder, {}), failWith(new ConnectError('', code)));
    expect(status.code === SpanStatusCode.ERROR).toBe(hasFailed);
    expect(attributes['rpc.status_code']).toMatch(/^[a-z_]+$/);
    expect(attributes['error.type']).toBe(hasFailed ? attributes['rpc.status_code'] : undefined);
  });
});

it('the span of an RPC that is called has failed with whatever error it got', async () => {
  const options = clientSpan(OrderService.method.createOrder, 'http://inventory:50052');
  const span = await spanOf(options, failWith(new ConnectError('secret', Code.FailedPrecondition)));
  expect(span.kind).toBe(SpanKind.CLIENT);
  expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(span.attributes).toMatchObject({
    'rpc.status_code': 'failed_precondition',
    'rpc.method': RPC,
    'error.type': 'failed_precondition',
    'server.address': 'inventory',
    'server.port': 50_052,
  });
  expect(JSON.stringify(span.attributes)).not.toContain('secret');
});

it('a span is a child of the enclosing one, and is propagated', async () => {
  let handedOn = '';
  await runInSpan(serverSpan(OrderService.method.createOrder, CALLER), () =>
    runInSpan(clientSpan(OrderService.method.getOrder, 'http://order'), async () => {
      handedOn = injectTrace().traceparent ?? '';
    }),
  );
  const [called, served] = ended.getFinishedSpans();
  expect(called?.parentSpanContext?.spanId).toBe(served?.spanContext().spanId);
  expect(handedOn).toContain(called?.spanContext().spanId);
});

it('a call propagates its own span in its headers and records its status in it', async () => {
  const request = {
    method: OrderService.method.getOrder,
    header: new Headers(),
    url: 'https://order/x',
  } as unknown as UnaryRequest;
  await runInSpan(serverSpan(OrderService.method.createOrder, CALLER), () =>
    propagateTrace(async () => ({}) as UnaryResponse)(request),
  );
  const [called] = ended.getFinishedSpans();
  expect(called).toMatchObject({ name: 'shop.order.v1.OrderService/GetOrder', kind: SpanKind.CLIENT });
  expect(called?.attributes).toMatchObject({
    'rpc.status_code': 'ok',
    'server.address': 'order',
    'server.port': 443,
  });
  const { traceId, spanId } = called!.spanContext();
  expect(request.header.get('traceparent')).toBe(`00-${traceId}-${spanId}-01`);
});

it('the current operation is the RPC served or the event handled, also while it calls and publishes', async () => {
  const seen: (string | undefined)[] = [];
  const see = async () => void seen.push(currentOperation());
  await runInSpan(serverSpan(OrderService.method.createOrder, CALLER), () =>
    runInSpan(clientSpan(OrderService.method.getOrder, 'http://order'), see),
  );
  await runInSpan(eventSpan('handle', 'shop.order.v1.OrderCreated', 'event-1', CALLER), see);
  await runInSpan(eventSpan('publish', 'shop.order.v1.OrderCreated', 'event-1', CALLER), see);
  await see();
  expect(seen).toEqual([RPC, 'handle shop.order.v1.OrderCreated', undefined, undefined]);
});

it.each([
  ['publish', SpanKind.PRODUCER, 'send'],
  ['handle', SpanKind.CONSUMER, 'process'],
] as const)('the span of an event to %s is in the trace that the event carries', async (operation, kind, type) => {
  const span = await spanOf(eventSpan(operation, 'shop.order.v1.OrderCreated', 'event-1', CALLER));
  expect(span).toMatchObject({ name: `${operation} shop.order.v1.OrderCreated`, kind });
  expect(span.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
  expect(span.attributes).toMatchObject({
    'messaging.system': 'nats',
    'messaging.operation.type': type,
    'messaging.destination.name': 'shop.order.v1.OrderCreated',
    'messaging.message.id': 'event-1',
  });
});
