import { context, TraceFlags, trace } from '@opentelemetry/api';
import { type Histogram, Registry } from 'prom-client';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBatchedHistogram } from '#services/platform/observability/batched-histogram.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';

beforeAll(() => installTracing());
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function createSeconds() {
  const registry = new Registry();
  const seconds = createBatchedHistogram({
    name: 'seconds',
    help: 'Seconds',
    labelNames: ['rpc', 'code'],
    buckets: [0.1, 1],
    registers: [registry],
  });
  return { registry, seconds };
}

describe('a batched histogram', () => {
  it.each([1, 31, 32, 33, 100])('shows each of %d observations once, however often it is read', async (count) => {
    const { registry, seconds } = createSeconds();
    for (let index = 0; index < count; index += 1) seconds.observe({ rpc: 'Check', code: 'ok' }, 0.25);

    await registry.metrics();
    const text = await registry.metrics();

    expect(text).toContain(`seconds_count{rpc="Check",code="ok"} ${count}`);
    expect(text).toContain(`seconds_sum{rpc="Check",code="ok"} ${count / 4}`);
    expect(text).toContain('seconds_bucket{le="0.1",rpc="Check",code="ok"} 0');
    expect(text).toContain(`seconds_bucket{le="1",rpc="Check",code="ok"} ${count}`);
  });

  it('buffers at most 31 observations when it is not read', () => {
    const { registry, seconds } = createSeconds();
    const sorted = vi.spyOn(registry.getSingleMetric('seconds') as Histogram, 'observe');
    const observe = () => seconds.observe({ rpc: 'Check', code: 'ok' }, 0.25);

    for (let index = 0; index < 31; index += 1) observe();
    expect(sorted).not.toHaveBeenCalled();
    observe();

    expect(sorted).toHaveBeenCalledTimes(32);
  });

  it('measures the time until its end, and adds the labels of its end', async () => {
    const { seconds } = createSeconds();
    const endTimer = seconds.startTimer({ rpc: 'Check' });
    vi.advanceTimersByTime(500);

    expect(endTimer({ code: 'ok' })).toBe(0.5);

    const sum = (await seconds.get()).values.find(({ metricName }) => metricName === 'seconds_sum');
    expect(sum).toMatchObject({ value: 0.5, labels: { rpc: 'Check', code: 'ok' } });
  });

  it('keeps the last recorded trace of each bucket as its exemplar', async () => {
    const { seconds } = createSeconds();
    const observeIn = (traceId: string, traceFlags: TraceFlags, value: number) => {
      const span = trace.wrapSpanContext({ traceId: traceId.repeat(32), spanId: 'b'.repeat(16), traceFlags });
      // A span that a tracer records, like those of the SDK.
      if (traceFlags === TraceFlags.SAMPLED) span.isRecording = () => true;
      context.with(trace.setSpan(context.active(), span), () => seconds.observe({ rpc: 'Check', code: 'ok' }, value));
    };
    observeIn('1', TraceFlags.SAMPLED, 0.25);
    observeIn('2', TraceFlags.SAMPLED, 0.5);
    observeIn('3', TraceFlags.NONE, 0.75);
    observeIn('4', TraceFlags.NONE, 0.05);
    observeIn('5', TraceFlags.SAMPLED, 7);

    const { values } = (await seconds.get()) as unknown as {
      values: { labels: { le?: string }; exemplar?: unknown }[];
    };

    const exemplarOf = (le: string) => values.find(({ labels }) => String(labels.le) === le)?.exemplar;
    expect(exemplarOf('0.1')).toBeNull();
    expect(exemplarOf('1')).toMatchObject({
      labelSet: { trace_id: '2'.repeat(32), span_id: 'b'.repeat(16) },
      value: 0.5,
      timestamp: expect.any(Number),
    });
    expect(exemplarOf('+Inf')).toMatchObject({ labelSet: { trace_id: '5'.repeat(32) }, value: 7 });
  });
});
