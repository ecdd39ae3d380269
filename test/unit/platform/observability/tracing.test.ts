import { beforeAll, describe, expect, it } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import {
  currentCorrelationId,
  injectTrace,
  installTracing,
  keepContext,
  runInSpan,
  runWithCorrelation,
  SpanKind,
  traceIdOf,
} from '#services/platform/observability/tracing.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;

beforeAll(() => installTracing(DOMAIN.correlation));

const inSpan = <T>(headers: Record<string, string> | undefined, work: () => Promise<T>) =>
  runInSpan({ name: 'work', kind: SpanKind.SERVER, ...(headers === undefined ? {} : { headers }) }, work);

const currentTraceId = async () => traceIdOf(injectTrace().traceparent);

describe('a span', () => {
  it('continues the trace of its headers under an id of its own', async () => {
    const { traceparent } = await inSpan({ traceparent: TRACEPARENT }, async () => injectTrace());

    expect(traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`));
    expect(traceparent).not.toBe(TRACEPARENT);
  });

  it('hands on that its trace is not sampled', async () => {
    const { traceparent } = await inSpan({ traceparent: TRACEPARENT.replace(/01$/, '00') }, async () => injectTrace());

    expect(traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`));
  });

  it('hands a tracestate on as it came', async () => {
    const headers = await inSpan({ traceparent: TRACEPARENT, tracestate: 'vendor=1' }, async () => injectTrace());

    expect(headers.tracestate).toBe('vendor=1');
  });

  it('starts a new trace when the headers have none', async () => {
    const [first, second] = [await inSpan({}, currentTraceId), await inSpan({}, currentTraceId)];

    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(second).not.toBe(first);
  });

  it.each([
    'garbage',
    '',
    `00-${TRACE_ID}-00f067aa0ba902b7`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
    `00-${TRACE_ID.toUpperCase()}-00f067aa0ba902b7-01`.replace('4BF9', 'zzzz'),
    `ff-${TRACE_ID}-00f067aa0ba902b7-01`,
  ])('starts a new trace when traceparent is invalid: %j', async (traceparent) => {
    const traceId = await inSpan({ traceparent }, currentTraceId);

    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(traceId).not.toBe(TRACE_ID);
  });

  it('with headers belongs to their trace alone, whatever runs around it', async () => {
    const [outer, inner] = await inSpan({ traceparent: TRACEPARENT }, async () => [
      await currentTraceId(),
      await inSpan({}, currentTraceId),
    ]);

    expect(outer).toBe(TRACE_ID);
    expect(inner).not.toBe(TRACE_ID);
  });

  it('without headers belongs to the span around it', async () => {
    const inner = await inSpan({ traceparent: TRACEPARENT }, () => inSpan(undefined, currentTraceId));

    expect(inner).toBe(TRACE_ID);
  });

  it('returns what the work returns and throws what it throws', async () => {
    await expect(inSpan({}, async () => 'answer')).resolves.toBe('answer');
    await expect(inSpan({}, () => Promise.reject(new Error('it broke')))).rejects.toThrow('it broke');
  });

  it('ends with its work: outside there is no trace to hand on', async () => {
    await inSpan({ traceparent: TRACEPARENT }, async () => undefined);

    expect(injectTrace()).toEqual({});
  });

  it('keeps traces that run side by side apart', async () => {
    const traceIds = Array.from({ length: 20 }, (_, index) => (index + 1).toString(16).padStart(32, 'a'));

    const seen = await Promise.all(
      traceIds.map((traceId) =>
        inSpan({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` }, async () => {
          await new Promise(setImmediate);
          return currentTraceId();
        }),
      ),
    );

    expect(seen).toEqual(traceIds);
  });
});

describe('an order', () => {
  it('is known to all work done for it, asynchronous work too', async () => {
    const seen = await runWithCorrelation('ord124', async () => {
      await new Promise(setImmediate);
      return currentCorrelationId();
    });

    expect(seen).toBe('ord124');
    expect(currentCorrelationId()).toBeUndefined();
  });

  it('inside the work for another is the inner one', () => {
    const seen = runWithCorrelation('ord1', () => [
      runWithCorrelation('ord2', () => currentCorrelationId()),
      currentCorrelationId(),
    ]);

    expect(seen).toEqual(['ord2', 'ord1']);
  });

  it('does not break the trace', async () => {
    const traceId = await inSpan({ traceparent: TRACEPARENT }, () => runWithCorrelation('ord124', currentTraceId));

    expect(traceId).toBe(TRACE_ID);
  });
});

it.each([
  [TRACEPARENT, TRACE_ID],
  [undefined, ''],
  ['', ''],
  ['garbage', ''],
  ['a-b-c', ''],
  [`00-${TRACE_ID}x-00f067aa0ba902b7-01`, ''],
])('reads the trace id of traceparent %s, or nothing', (traceparent, traceId) => {
  expect(traceIdOf(traceparent)).toBe(traceId);
});

describe('a stream', () => {
  it('is read and ended in the trace in which it was made', async () => {
    const traceIds: string[] = [];
    async function* produce() {
      try {
        traceIds.push(await currentTraceId());
        yield 1;
      } finally {
        traceIds.push(await currentTraceId());
      }
    }
    const kept = await inSpan({ traceparent: TRACEPARENT }, async () => keepContext(produce()));

    for await (const _ of kept) break;

    expect(traceIds).toEqual([TRACE_ID, TRACE_ID]);
  });
});
