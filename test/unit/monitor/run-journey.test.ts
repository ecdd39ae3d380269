// rpc RunJourney and rpc ListRuns: their responses and refusals.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it, vi } from 'vitest';
import { Journey, RunResult } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { ListRunsRequestSchema, RunJourneyRequestSchema } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { listRuns, readPage } from '#services/monitor/list-runs.ts';
import { runJourney } from '#services/monitor/run-journey.ts';
import type { Run } from '#services/monitor/run-store.ts';
import { scopedKey } from '#services/platform/identity/caller.ts';
import { pageTokenOf } from '../../support/page-token.ts';
import { failureOf, faultsOf } from '../../support/services/order-builders.ts';
import { serve } from '../../support/services/serve.ts';

const ended: Run = {
  runId: '6f1c9f0e-8a53-4f5e-9d7e-0d6f7f0c1a11',
  journey: 'ORDER',
  result: 'SUCCEEDED',
  failureReason: '',
  orderId: 'order-1',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  startTime: new Date('2026-03-01T12:00:00.250Z'),
  durationMs: 1_250,
};

const OPERATOR = { kind: 'operator', id: 'olga' } as const;

function ask(
  request: MessageInitShape<typeof RunJourneyRequestSchema>,
  {
    run = async (): Promise<Run | undefined> => ended,
    findByKey = async (): Promise<Run | undefined> => ended,
    signal = new AbortController().signal,
    limitMs = 1_000,
  } = {},
) {
  const runner = { run: vi.fn(run) };
  return {
    runner,
    answer: serve(RunJourneyRequestSchema, request, (valid) =>
      runJourney({ runner, store: { findByKey }, limitMs }, valid, { signal, caller: OPERATOR }),
    ),
  };
}

/** Returns the fields of the violations. */
const fieldsOf = (faults: readonly string[]) => faults.map((fault) => fault.replace(/:? .*/, ''));

describe('RunJourney', () => {
  it('returns the run after its end', async () => {
    const { answer, runner } = ask({ idempotencyKey: 'key-1', journey: Journey.ORDER });
    expect(await answer).toEqual({
      run: {
        runId: ended.runId,
        journey: Journey.ORDER,
        result: RunResult.SUCCEEDED,
        failureReason: '',
        duration: expect.objectContaining({ seconds: 1n, nanos: 250_000_000 }),
        orderId: 'order-1',
        traceId: ended.traceId,
        startTime: expect.objectContaining({ seconds: 1_772_366_400n, nanos: 250_000_000 }),
      },
    });
    expect(runner.run).toHaveBeenCalledExactlyOnceWith('ORDER', scopedKey(OPERATOR, 'key-1'));
  });

  it('returns a failed journey as a run, not as an error', async () => {
    const { answer } = ask(
      { idempotencyKey: 'key-1', journey: Journey.QUOTE },
      { run: async () => ({ ...ended, journey: 'QUOTE', result: 'FAILED', failureReason: 'TOO_SLOW: ...' }) },
    );
    expect((await answer).run).toMatchObject({ result: RunResult.FAILED, failureReason: 'TOO_SLOW: ...' });
  });

  it('answers a duplicate with the first run', async () => {
    const { answer } = ask({ idempotencyKey: 'key-1', journey: Journey.ORDER }, { run: async () => undefined });
    expect((await answer).run).toMatchObject({ runId: ended.runId });
  });

  it('waits, on a duplicate, for the first run to end', async () => {
    const found = [{ ...ended, result: undefined }, { ...ended, result: undefined }, ended];
    const { answer } = ask(
      { idempotencyKey: 'key-1', journey: Journey.ORDER },
      { run: async () => undefined, findByKey: async () => found.shift() },
    );
    expect((await answer).run).toMatchObject({ result: RunResult.SUCCEEDED });
    expect(found).toEqual([]);
  });

  it('asks a duplicate to retry when the first run does not end', async () => {
    const { answer } = ask(
      { idempotencyKey: 'key-1', journey: Journey.ORDER },
      { run: async () => undefined, findByKey: async () => ({ ...ended, result: undefined }), limitMs: 1 },
    );
    expect(await failureOf(answer)).toMatchObject({
      kind: 'unavailable',
      reason: 'RUN_UNDER_WAY',
      retryAfterMs: 1_000,
    });
  });

  it('refuses a key that was used for another journey', async () => {
    const { answer } = ask({ idempotencyKey: 'key-1', journey: Journey.QUOTE }, { run: async () => undefined });
    expect(await failureOf(answer)).toMatchObject({ kind: 'failed_precondition', reason: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('stops waiting when its caller hangs up', async () => {
    const caller = new AbortController();
    const { answer } = ask(
      { idempotencyKey: 'key-1', journey: Journey.ORDER },
      { run: () => new Promise(() => undefined), signal: caller.signal },
    );
    caller.abort(new Error('the caller hung up'));
    await expect(answer).rejects.toThrow('the caller hung up');
  });

  it.each([
    { request: {}, faults: ['idempotency_key', 'journey'] },
    { request: { idempotencyKey: 'k', journey: 9 as Journey }, faults: ['journey'] },
    { request: { idempotencyKey: 'x'.repeat(129), journey: Journey.ORDER }, faults: ['idempotency_key'] },
  ])('refuses $faults', async ({ request, faults }) => {
    const { answer, runner } = ask(request);
    expect(fieldsOf(await faultsOf(answer))).toEqual(faults);
    expect(runner.run).not.toHaveBeenCalled();
  });
});

describe('ListRuns', () => {
  const list = (request: MessageInitShape<typeof ListRunsRequestSchema>, runs: Run[] = [ended]) => {
    const store = { list: vi.fn(async () => runs) };
    return { store, answer: serve(ListRunsRequestSchema, request, (valid) => listRuns({ store }, valid), readPage) };
  };

  it('returns a page and the token of the next one', async () => {
    const { answer } = list({ pageSize: 1 }, [ended, { ...ended, runId: 'x' }]);
    const first = await answer;
    expect(first.runs).toHaveLength(1);
    const { store, answer: second } = list({ pageToken: first.nextPageToken });
    expect((await second).nextPageToken).toBe('');
    const page = { size: 50, after: ['2026-03-01T12:00:00.250Z', ended.runId] };
    expect(store.list).toHaveBeenCalledWith(undefined, expect.objectContaining(page));
    const otherFilter = list({ pageToken: first.nextPageToken, journey: Journey.CANCEL });
    expect(fieldsOf(await faultsOf(otherFilter.answer))).toEqual(['page_token']);
  });

  it('filters by journey', async () => {
    const { store, answer } = list({ journey: Journey.CANCEL });
    await answer;
    expect(store.list).toHaveBeenCalledWith('CANCEL', expect.anything());
  });

  it.each([
    { request: { pageSize: -1 }, faults: ['page_size'] },
    {
      request: { pageSize: -1, journey: 7 as Journey, pageToken: 'no' },
      faults: ['journey', 'page_size', 'page_token'],
    },
    {
      request: { pageToken: pageTokenOf(['runs', Journey.UNSPECIFIED], 'yesterday', '1') },
      faults: ['page_token'],
    },
  ])('refuses $faults', async ({ request, faults }) => {
    expect(fieldsOf(await faultsOf(list(request).answer))).toEqual(faults);
  });
});
