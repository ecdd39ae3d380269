import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { SpanKind } from '#gen/local/control/v1/control_pb.ts';
import { TraceExportSchema } from '#gen/local/trace/v1/trace_pb.ts';
import { readSpans } from '#local/control/order-history/read-spans.ts';
import { createSpanCollector, namesCollector } from '#local/control/order-history/span-collector.ts';
import { createSpanMemory } from '#local/control/order-history/span-memory.ts';
import { spanOf } from './spans.ts';

describe('the memory of spans', () => {
  it('finds every span of the traces that name an order, by their beginning', () => {
    const memory = createSpanMemory();
    memory.add([spanOf({ spanId: 'late', start: 30 }), spanOf({ spanId: 'named', start: 20, orderId: 'o1' })]);
    memory.add([spanOf({ spanId: 'early', start: 10 }), spanOf({ traceId: 't2', spanId: 'other' })]);
    memory.add([spanOf({ traceId: 't3', spanId: 'resumed', start: 40, orderId: 'o1' })]);

    expect(memory.findByOrder('o1', 9).map(({ spanId }) => spanId)).toEqual(['early', 'named', 'late', 'resumed']);
    expect(memory.findByOrder('o1', 2).map(({ spanId }) => spanId)).toEqual(['early', 'named']);
    expect(memory.findByOrder('o2', 9)).toEqual([]);
  });

  it('forgets whole traces, the oldest first, once it holds too many spans of orders', () => {
    const memory = createSpanMemory(4);
    for (const id of ['1', '2', '3']) memory.add([spanOf({ traceId: id, orderId: `o${id}` }), spanOf({ traceId: id })]);

    expect(['o1', 'o2', 'o3'].map((order) => memory.findByOrder(order, 9).length)).toEqual([0, 2, 2]);
  });

  it('finds the later traces of an order whose first one it has forgotten', () => {
    const memory = createSpanMemory(2);
    for (const traceId of ['1', '2', '3']) memory.add([spanOf({ traceId, orderId: 'o1' })]);

    expect(memory.findByOrder('o1', 9).map(({ traceId }) => traceId)).toEqual(['2', '3']);
  });

  it('keeps an order while reads that name none come by the thousand', () => {
    const memory = createSpanMemory(100, 10);
    memory.add([spanOf({ orderId: 'o1' })]);
    memory.add([spanOf({ traceId: 'slow', spanId: 'first' })]);
    for (let read = 0; read < 9; read += 1) memory.add([spanOf({ traceId: `read ${read}` })]);
    memory.add([spanOf({ traceId: 'slow', orderId: 'o2' })]);
    for (let read = 0; read < 5_000; read += 1) memory.add([spanOf({ traceId: `read ${read}` })]);

    expect(memory.findByOrder('o1', 9)).toHaveLength(1);
    expect(memory.findByOrder('o2', 9)).toHaveLength(2);
  });

  it('bounds the spans of one trace', () => {
    const memory = createSpanMemory();
    memory.add(Array.from({ length: 2_000 }, () => spanOf({ orderId: 'o1' })));

    expect(memory.findByOrder('o1', 9_999)).toHaveLength(500);
  });
});

it('reads an export: who, when to the microsecond, how it ended, and which order', () => {
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const body = toBinary(
    TraceExportSchema,
    create(TraceExportSchema, {
      resourceSpans: [
        {
          resource: { attributes: [text('service.name', 'payment')] },
          scopeSpans: [
            {
              spans: [
                {
                  traceId: new Uint8Array([0xab, 1]),
                  spanId: new Uint8Array([2]),
                  parentSpanId: new Uint8Array([3]),
                  name: 'send mail',
                  kind: 3,
                  startTimeUnixNano: 1_795_000_000_123_456_789n,
                  endTimeUnixNano: 1_795_000_000_125_956_789n,
                  attributes: [text('order.id', 'o1'), text('error.type', 'ECONNREFUSED')],
                  status: { code: 2 },
                },
                { name: 'SELECT shop_payment', kind: 3, attributes: [text('db.system.name', 'postgresql')] },
                { kind: 42 },
              ],
            },
          ],
        },
      ],
    }),
  );

  const [span, unknown, ...others] = readSpans(body);

  expect(span).toMatchObject({
    ...{ traceId: 'ab01', spanId: '02', parentId: '03', process: 'payment', name: 'send mail', orderId: 'o1' },
    ...{ kind: SpanKind.CLIENT, milliseconds: 2.5, outcome: 'ECONNREFUSED', failed: true },
  });
  expect(span?.start).toBeCloseTo(1_795_000_000_123.456, 2);
  expect(unknown).toMatchObject({ kind: SpanKind.UNSPECIFIED, outcome: '', failed: false, orderId: '' });
  // Statements are part of the work of their call.
  expect(others).toEqual([]);
});

describe('the collector of spans', () => {
  it('has a key of its own for each stack', () => {
    const settings = () => createSpanCollector(createSpanMemory()).settingsFor('http://127.0.0.1:9');

    expect(settings().OTEL_EXPORTER_OTLP_TRACES_ENDPOINT).toBe('http://127.0.0.1:9/v1/traces');
    expect(settings().OTEL_EXPORTER_OTLP_TRACES_HEADERS).not.toBe(settings().OTEL_EXPORTER_OTLP_TRACES_HEADERS);
  });

  it.each([
    [{}, false],
    [{ OTEL_SERVICE_NAME: 'shop', OTEL_TRACES_SAMPLER: 'always_on' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=b' }, true],
    [{ OTEL_TRACES_EXPORTER: 'none' }, true],
    [{ OTEL_SDK_DISABLED: 'true' }, true],
  ])('is left alone with %j: %s', (environment, named) => {
    expect(namesCollector(environment)).toBe(named);
  });
});
