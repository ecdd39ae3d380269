import { create } from '@bufbuild/protobuf';
import { NatsError } from 'nats';
import { describe, expect, it, vi } from 'vitest';
import { RebuildState } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { RebuildSalesRequestSchema } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { rebuildSales } from '#services/analytics/rebuild-sales.ts';
import { createRebuilder } from '#services/analytics/rebuilder.ts';
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { testCall } from '../../support/services/call.ts';
import { NOON } from '../../support/services/sales-builders.ts';
import { serve } from '../../support/services/serve.ts';
import { createFakeDatabase } from '../platform/support/fake-database.ts';
import { createFakeGenerations } from './fakes.ts';

const log = createLog({ service: 'analytics', level: 'silent' });
const NEVER_ABORTED = new AbortController().signal;
const REWOUND = { order: 7, inventory: 7, payment: 7, notification: 7 };
const STREAMS = ['SHOP_ORDER', 'SHOP_INVENTORY', 'SHOP_PAYMENT', 'SHOP_NOTIFICATION'];

// What the broker says of a stream without messages.
const EMPTY = { messages: 0, last_seq: 7, first_seq: 8, first_ts: '0001-01-01T00:00:00Z' };

/** A fake broker whose streams hold the messages 3 to 7, of a type that nothing handles. */
function openRebuild(
  generations: ReturnType<typeof createFakeGenerations>,
  { connected = true, firstSequence = 3, lastSequence = 7 } = {},
) {
  const state = { messages: 5, last_seq: lastSequence, first_seq: firstSequence, first_ts: NOON.toISOString() };
  const streams = {
    info: vi.fn(async (_stream: string) => ({ state })),
    getMessage: vi.fn(async (_stream: string, { seq }: { seq: number }) => ({ seq, header: new Map() })),
  };
  const session = { manager: { streams } } as never;
  const broker = { session: async () => session, status: () => ({ connected, since: NOON }) };
  const changed = vi.fn<() => void>();
  const rebuild = createRebuilder({
    generations,
    subscriptions: createAnalyticsSubscriptions(changed),
    database: createFakeDatabase(),
    broker,
    changed,
    log,
  });
  const read = () => streams.getMessage.mock.calls.map(([stream, { seq }]) => `${stream} ${seq}`);
  return { advance: (signal = NEVER_ABORTED) => rebuild(signal), streams, changed, read };
}

function missing(code: number): NatsError {
  const error = new NatsError('not found', 'not found');
  error.api_error = { code: 404, err_code: code, description: 'not found' };
  return error;
}

/** `SHOP_ORDER 3`, `SHOP_ORDER 4` and so on. */
function numbered(streams: readonly string[], ...sequences: number[]): string[] {
  return streams.flatMap((stream) => sequences.map((sequence) => `${stream} ${sequence}`));
}

describe('advancing a rebuild', () => {
  it('stores first where the reading of each stream ends', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: {} });
    const { advance, read } = openRebuild(generations);

    expect(await advance()).toBe(true);

    expect(generations.building?.rewound).toEqual(REWOUND);
    expect(read()).toEqual([]);
    expect(generations.finish).not.toHaveBeenCalled();
  });

  it('stores nothing for a stream of which the broker says nothing', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: {} });
    const { advance, streams } = openRebuild(generations);
    streams.info.mockRejectedValue(new Error('the broker does not answer'));

    await expect(advance()).rejects.toThrow('the broker does not answer');

    expect(generations.markRewound).not.toHaveBeenCalled();
  });

  it('continues where it was interrupted', async () => {
    const { notification: _notYet, ...rewound } = REWOUND;
    const generations = createFakeGenerations({ generation: 2, rewound });

    await openRebuild(generations).advance();

    expect(generations.markRewound.mock.calls).toEqual([[2, 'notification', 7]]);
  });

  it('carries over the rows that the streams no longer hold', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: { ...REWOUND, order: undefined } as never });
    generations.batches = 3;

    await openRebuild(generations).advance();

    expect(generations.carryOver.mock.calls).toEqual(Array(3).fill([2, 'order', NOON, expect.any(Number)]));
    const [lastCopy] = generations.carryOver.mock.invocationCallOrder.slice(-1);
    expect(generations.markRewound.mock.invocationCallOrder[0]).toBeGreaterThan(lastCopy ?? Number.POSITIVE_INFINITY);
  });

  it('reads what every stream still held then, serves the new sums after it, and notifies the watchers', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: REWOUND });
    const { advance, read, changed } = openRebuild(generations, { lastSequence: 90 });

    expect(await advance()).toBe(true);

    expect(read()).toEqual(numbered(STREAMS, 3, 4, 5, 6, 7));
    expect(generations.finish).toHaveBeenCalledExactlyOnceWith(2);
    expect(changed).toHaveBeenCalledOnce();
  });

  it('reads on where an outage stopped it, and from the start for the next generation', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: REWOUND });
    const { advance, streams, read } = openRebuild(generations);
    streams.getMessage.mockImplementation(async (stream, { seq }) => {
      if (stream === 'SHOP_PAYMENT') throw new Error('the broker does not answer');
      return { seq, header: new Map() };
    });
    await expect(advance()).rejects.toThrow('the broker does not answer');
    expect(generations.finish).not.toHaveBeenCalled();
    streams.getMessage.mockReset().mockImplementation(async (_stream, { seq }) => ({ seq, header: new Map() }));

    await advance();
    const secondTime = read();
    generations.building = { generation: 3, rewound: REWOUND };
    await advance();

    expect(secondTime).toEqual(numbered(STREAMS.slice(2), 3, 4, 5, 6, 7));
    expect(read().slice(secondTime.length)).toEqual(numbered(STREAMS, 3, 4, 5, 6, 7));
  });

  it('serves nothing when it is stopped before all is read, and reads the rest later', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: REWOUND });
    const { advance, streams, read } = openRebuild(generations);
    const stop = new AbortController();
    streams.getMessage.mockImplementation(async (stream, { seq }) => {
      if (stream === 'SHOP_INVENTORY') stop.abort();
      return { seq, header: new Map() };
    });

    expect(await advance(stop.signal)).toBe(false);
    expect(generations.finish).not.toHaveBeenCalled();
    expect(await advance()).toBe(true);

    expect(read()).toEqual(numbered(STREAMS, 3, 4, 5, 6, 7));
    expect(generations.finish).toHaveBeenCalledOnce();
  });

  it('reads the only message of a stream', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: REWOUND });
    const { advance, read } = openRebuild(generations, { firstSequence: 7 });

    await advance();

    expect(read()).toEqual(numbered(STREAMS, 7));
  });

  it.each([
    { stream: 'an empty stream', look: async () => ({ state: EMPTY }) },
    { stream: 'a deleted stream', look: () => Promise.reject(missing(10_059)) },
  ])('takes over all rows of $stream, which holds none of their events', async ({ look }) => {
    const generations = createFakeGenerations({ generation: 2, rewound: {} });
    const { advance, streams } = openRebuild(generations);
    streams.info.mockImplementation(look);
    const begin = Date.now();

    await advance();

    const horizons = generations.carryOver.mock.calls.map(([, , horizon]) => horizon.getTime());
    expect(horizons).toHaveLength(STREAMS.length);
    for (const horizon of horizons) expect(horizon).toBeGreaterThanOrEqual(begin);
  });

  it('has nothing to read in an empty stream', async () => {
    const rewound = { order: 0, inventory: 0, payment: 0, notification: 0 };
    const generations = createFakeGenerations({ generation: 2, rewound });
    const { advance, read } = openRebuild(generations, { firstSequence: 0 });

    await advance();

    expect(read()).toEqual([]);
    expect(generations.finish).toHaveBeenCalledOnce();
  });

  it('has nothing to read in a deleted stream', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: REWOUND });
    const { advance, streams, read } = openRebuild(generations);
    streams.info.mockRejectedValue(missing(10_059));

    await advance();

    expect(read()).toEqual([]);
    expect(generations.finish).toHaveBeenCalledOnce();
  });

  it('waits while the broker is unavailable', async () => {
    const generations = createFakeGenerations({ generation: 2, rewound: {} });
    const { advance, streams } = openRebuild(generations, { connected: false });

    expect(await advance()).toBe(false);
    expect(streams.info).not.toHaveBeenCalled();
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
    const { rebuild } = await serve(RebuildSalesRequestSchema, { idempotencyKey }, (request) =>
      rebuildSales({ generations, wakeRebuilder, log }, request, testCall()),
    );
    return { rebuild, woken: wakeRebuilder.mock.calls.length };
  };

  it('starts a new rebuild, and returns the state of a known one', async () => {
    expect(await ask('key', true)).toMatchObject({ rebuild: { state: RebuildState.RUNNING }, woken: 1 });
    expect(await ask('key', false, NOON)).toMatchObject({ rebuild: { state: RebuildState.DONE }, woken: 0 });
  });

  it('is found by the key of its caller alone: two operators may use the same one', async () => {
    const generations = createFakeGenerations();
    generations.begin.mockResolvedValue({ rebuild: { startTime: NOON, finishTime: undefined }, isNew: true });
    const dependencies = { generations, wakeRebuilder: () => undefined, log };
    const request = create(RebuildSalesRequestSchema, { idempotencyKey: 'key' });

    for (const id of ['olga', 'otto', 'olga'])
      await rebuildSales(dependencies, request, testCall({ caller: { kind: 'operator', id } }));

    const [olga, otto, olgaAgain] = generations.begin.mock.calls;
    expect(olgaAgain).toEqual(olga);
    expect(otto).not.toEqual(olga);
  });

  it('requires a key', async () => {
    await expect(ask('', true)).rejects.toThrow('idempotency_key: must not be empty');
  });
});
