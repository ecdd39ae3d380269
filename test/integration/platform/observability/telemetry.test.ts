// Spans on their way to a collector that takes them, refuses them, hangs, or is not there.
import { SpanKind, type Tracer } from '@opentelemetry/api';
import { expect, it } from 'vitest';
import { createResource } from '#services/platform/observability/otlp-export.ts';
import { startSpanExport } from '#services/platform/observability/span-export.ts';
import { loadTelemetryConfig } from '#services/platform/observability/telemetry-config.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../../support/telemetry/otlp-receiver.ts';
import { recordLog } from '../support/recorded-log.ts';

/** Telemetry of the service `order` by these settings. */
async function startTelemetry(collector: Pick<OtlpReceiver, 'url'>, settings: Record<string, string> = {}) {
  const config = loadTelemetryConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '20',
    ...settings,
  });
  const { log, lines } = recordLog('order');
  if (config.traces === undefined) throw new Error('these settings send no spans');
  return { ...(await startSpanExport(config.traces, createResource('order', config), log)), lines };
}

function endSpans(tracer: Tracer, count: number): void {
  for (let index = 0; index < count; index += 1) tracer.startSpan(`span ${index}`, { kind: SpanKind.CLIENT }).end();
}

const msOf = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};

it('spans reach the collector with the names of their service, its instance and what else is set', async () => {
  await using collector = await startOtlpReceiver();
  const { tracer, stop } = await startTelemetry(collector, {
    OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=collector%20key',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging',
  });
  tracer.startSpan('work', { kind: SpanKind.SERVER, attributes: { 'order.id': 'order-1', tries: 3 } }).end();
  await expect.poll(() => collector.spans).toHaveLength(1);
  await stop();

  const [span] = collector.spans;
  expect(span).toMatchObject({ service: 'order', name: 'work', kind: 'server', parentId: '', hasFailed: false });
  expect(span?.attributes).toEqual({ 'order.id': 'order-1', tries: '3' });
  expect(span?.resource).toMatchObject({
    'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    'deployment.environment.name': 'staging',
  });
  expect(collector.headers[0]).toMatchObject({
    'x-api-key': 'collector key',
    'content-type': 'application/x-protobuf',
  });
});

it('OTEL_SERVICE_NAME renames the service, whatever the attributes of the resource say', async () => {
  await using collector = await startOtlpReceiver();
  const { tracer, stop } = await startTelemetry(collector, {
    OTEL_SERVICE_NAME: 'order-canary',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other',
  });
  endSpans(tracer, 1);
  await stop();

  expect(collector.spans).toMatchObject([{ service: 'order-canary' }]);
});

it('a long attribute is cut', async () => {
  await using collector = await startOtlpReceiver();
  const { tracer, stop } = await startTelemetry(collector);
  tracer.startSpan('work', { attributes: { 'order.id': 'x'.repeat(5_000) } }).end();
  await stop();

  expect(collector.spans[0]?.attributes['order.id']).toBe('x'.repeat(1_024));
});

it('a stop sends what is left', async () => {
  await using collector = await startOtlpReceiver();
  const batches = { OTEL_BSP_SCHEDULE_DELAY: '60000', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '5' };
  const { tracer, stop } = await startTelemetry(collector, batches);
  endSpans(tracer, 100);
  expect(collector.spans).toHaveLength(0);
  await stop();
  expect(collector.spans).toHaveLength(100);
  expect(collector.bodies).toHaveLength(20);
});

it('a collector that refuses spans is logged once, and once more when it accepts them', async () => {
  await using collector = await startOtlpReceiver();
  const { tracer, stop, lines } = await startTelemetry(collector);
  collector.behaviour = 'refuse';
  for (const round of [1, 2, 3]) {
    endSpans(tracer, 1);
    await expect.poll(() => collector.headers.length).toBe(round);
  }
  await expect.poll(() => lines.map(({ level }) => level)).toEqual(['warn']);
  collector.behaviour = 'take';
  endSpans(tracer, 1);
  await expect.poll(() => lines.map(({ msg }) => msg)).toContain('spans are sent again');
  expect(lines).toHaveLength(2);
  await stop();
});

it.each<['hangs' | 'is gone']>([['hangs'], ['is gone']])(
  'a collector that %s holds up neither the work nor the stop for long',
  async (trouble) => {
    await using collector = await startOtlpReceiver();
    if (trouble === 'hangs') collector.behaviour = 'hang';
    else await collector[Symbol.asyncDispose]();
    const { tracer, stop } = await startTelemetry(collector);
    const workMs = await msOf(async () => endSpans(tracer, 20_000));
    const stopMs = await msOf(stop);
    expect(workMs).toBeLessThan(8_000);
    expect(stopMs).toBeLessThan(8_000);
  },
);

it('spans beyond the queue are dropped', async () => {
  await using collector = await startOtlpReceiver();
  const { tracer, stop } = await startTelemetry(collector, { OTEL_BSP_MAX_QUEUE_SIZE: '600' });
  endSpans(tracer, 20_000);
  await stop();
  expect(collector.spans.length).toBeGreaterThanOrEqual(600);
  expect(collector.spans.length).toBeLessThanOrEqual(600 + 512);
});
