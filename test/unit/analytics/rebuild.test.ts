import { create } from '@bufbuild/protobuf';
import { NatsError } from 'nats';
import { describe, expect, it, vi } from 'vitest';
import { RebuildState } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { RebuildSalesRequestSchema } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { rebuildSales } from '#services/analytics/rebuild-sales.ts';
import { advanceRebuild } from '#services/analytics/rebuilder.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { testCall } from '../../support/services/call.ts';
import { NOON } from '../../support/services/sales-builders.ts';
import { createFakeGenerations } from './fakes.ts';

const log = createLog({ service: 'analytics', level: 'silent' });
const NEVER_ABORTED = new AbortController().signal;
const REWOUND = { order: 7, inventory: 7, payment: 7, notification: 7 };

/** A fake broker whose streams hold seven messages, and whose consumers have this progress. */
function openRebuild(
  generations: ReturnType<typeof createFakeGenerations>,
  { acked = 7, pending = 0, unacked = 0, connected = true } = {},
) {
  const state = { messages: 7, last_seq: 7, first_seq: 1, first_ts: NOON.toISOString() };
  const consumers = {
    delete: vi.fn(async (_stream: string, _consumer: string) => true),
    info: vi.fn(async (_stream: string, _consumer: string) => ({
      ack_floor: { stream_seq: acked },
      num_pending: pending,
      num_ack_pending: unacked,
    })),
  };
  const session = { manager: { consumers, streams: { info: async () => ({ state }) } } } as never;
  const broker = { session: async () => session, status: () => ({ connected, since: NOON }) };
  const changed = vi.fn<() => void>();
  const advance = () => advanceRebuild({ service: 'analytics', generations, broker, changed, log }, NEVER_ABORTED);
  return { advance, consumers, changed };
}

function missing(code: number): NatsError {
  const error = new NatsError('not found', 'not found');
  error.api_error = { code: 404, err_code: code, description: 'not found' };
  return error;
}

describe('advancing a rebuild', () => {
  it('resets every consumer to the start of its stream, and stores where the catch-up ends', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: {} });
    const { advance, consumers } = openRebuild(generations);

    expect(await advance()).toBe(true);

    const streams = ['SHOP_ORDER', 'SHOP_INVENTORY', 'SHOP_PAYMENT', 'SHOP_NOTIFICATION'];
    expect(consumers.delete.mock.calls).toEqual(streams.map((stream) => [stream, 'analytics']));
    expect(generations.building?.rewound).toEqual(REWOUND);
    expect(generations.finish).not.toHaveBeenCalled();
  });

  it('stores that a consumer was reset only after it was deleted, stream by stream', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: {} });
    const { advance, consumers } = openRebuild(generations);
    const steps: string[] = [];
    consumers.delete.mockImplementation(async (stream) => {
      steps.push(`delete ${stream}`);
      return true;
    });
    const markRewound = generations.markRewound.getMockImplementation();
    generations.markRewound.mockImplementation(async (generation, producer, lastSequence) => {
      steps.push(`mark ${producer}`);
      await markRewound?.(generation, producer, lastSequence);
    });

    await advance();

    const producers = ['order', 'inventory', 'payment', 'notification'];
    expect(steps).toEqual(producers.flatMap((name) => [`delete SHOP_${name.toUpperCase()}`, `mark ${name}`]));
  });

  it('stores no reset of a consumer that could not be deleted', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: {} });
    const { advance, consumers } = openRebuild(generations);
    consumers.delete.mockRejectedValue(new Error('the broker does not answer'));

    await expect(advance()).rejects.toThrow('the broker does not answer');

    expect(generations.markRewound).not.toHaveBeenCalled();
  });

  it('continues where it was interrupted', async () => {
    const { notification: _notYet, ...rewound } = REWOUND;
    const { advance, consumers } = openRebuild(createFakeGenerations({ generation: 2, rewound }));

    await advance();

    expect(consumers.delete.mock.calls).toEqual([['SHOP_NOTIFICATION', 'analytics']]);
  });

  it('carries over the rows that the streams no longer hold before it resets the consumers', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: { ...REWOUND, order: undefined } as never });
    generations.batches = 3;
    const { advance, consumers } = openRebuild(generations);

    await advance();

    expect(generations.carryOver.mock.calls).toEqual(Array(3).fill([2, 'order', NOON, expect.any(Number)]));
    const [lastCopy] = generations.carryOver.mock.invocationCallOrder.slice(-1);
    expect(consumers.delete.mock.invocationCallOrder[0]).toBeGreaterThan(lastCopy ?? Number.POSITIVE_INFINITY);
  });

  it('serves the new sums once every consumer has caught up, and notifies the watchers', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: REWOUND });
    const slow = openRebuild(generations, { acked: 6, pending: 1 });
    await slow.advance();
    expect(generations.finish).not.toHaveBeenCalled();

    const { advance, changed } = openRebuild(generations);
    await advance();

    expect(generations.finish).toHaveBeenCalledExactlyOnceWith(2);
    expect(changed).toHaveBeenCalledOnce();
  });

  it.each([
    { state: 'an old event is not delivered yet', progress: { acked: 6, pending: 1, unacked: 0 }, isDone: false },
    { state: 'an old event is not acknowledged yet', progress: { acked: 6, pending: 0, unacked: 1 }, isDone: false },
    { state: 'only newer events are left', progress: { acked: 7, pending: 3, unacked: 2 }, isDone: true },
    {
      state: 'nothing is left, the last events being gone',
      progress: { acked: 6, pending: 0, unacked: 0 },
      isDone: true,
    },
  ])('when $state has finished: $isDone', async ({ progress, isDone }) => {
    const generations = createFakeGenerations({ generation: 2, rewound: REWOUND });

    await openRebuild(generations, progress).advance();

    expect(generations.finish).toHaveBeenCalledTimes(isDone ? 1 : 0);
  });

  it('waits for a consumer that is not created again yet, and for no deleted stream', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: REWOUND });
    const { advance, consumers } = openRebuild(generations);
    consumers.info.mockRejectedValueOnce(missing(10_014));
    await advance();
    expect(generations.finish).not.toHaveBeenCalled();

    consumers.info.mockRejectedValue(missing(10_059));
    await advance();

    expect(generations.finish).toHaveBeenCalledOnce();
  });

  it('waits while the broker is unavailable', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: {} });
    const { advance, consumers } = openRebuild(generations, { connected: false });

    expect(await advance()).toBe(false);
    expect(consumers.delete).not.toHaveBeenCalled();
  });

  it('deletes retired generations when no rebuild runs, batch after batch', async () => {
    const generations = createFakeGenerations();
    generations.deleteRetired.mockResolvedValueOnce(true);
    const { advance } = openRebuild(generations);

    expect([await advance(), await advance()]).toEqual([true, false]);
  });
});

describe('RebuildSales', () => {
  const ask = async (idempotencyKey: string, isNew: boolean, finishTime?: Date) => {
    const generations = createFakeGenerations();
    generations.begin.mockResolvedValue({ rebuild: { startTime: NOON, finishTime }, isNew });
    const wakeRebuilder = vi.fn<() => void>();
    const request = create(RebuildSalesRequestSchema, { idempotencyKey });
    const { rebuild } = await rebuildSales({ generations, wakeRebuilder, log }, request, testCall());
    return { rebuild, woken: wakeRebuilder.mock.calls.length };
  };

  it('starts a new rebuild, and returns the state of a known one', async () => {
    expect(await ask('key', true)).toMatchObject({ rebuild: { state: RebuildState.RUNNING }, woken: 1 });
    expect(await ask('key', false, NOON)).toMatchObject({ rebuild: { state: RebuildState.DONE }, woken: 0 });
  });

  it('requires a key', async () => {
    await expect(ask('', true)).rejects.toThrow('idempotency_key: must not be empty');
  });
});
