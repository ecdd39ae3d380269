// The spans of a test's work, as a tracer records them.
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { installTracer, installTracing } from '#services/platform/observability/tracing.ts';

export type RecordedSpan = { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> };

/** Records the spans that end from now on. */
export function recordSpans() {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  installTracing();
  installTracer(provider.getTracer('test'));
  return {
    ended: (): RecordedSpan[] => exporter.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes })),
    // The files of a worker share the tracer: one that stays would start timers in their tests.
    [Symbol.dispose]: () => installTracer(undefined),
  };
}
