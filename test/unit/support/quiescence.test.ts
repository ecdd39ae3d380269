// When a platform counts as quiescent: what its sources show, poll by poll.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { InvariantSources } from '../../support/invariants/facts.ts';
import { findPendingWork, waitForQuiescence } from '../../support/invariants/quiescence.ts';
import * as sourceReaders from '../../support/invariants/sources.ts';

type Consumer = { name: string; config: object; num_pending: number; num_ack_pending: number };
type Charge = { id: string; order_id: string; status: 'pending' | 'captured' | 'declined' };

/** What the sources show now: rows by a part of the query that finds them. */
let rows: Record<string, { id: string; total: number }[]>;
let consumers: Consumer[];
let charges: Charge[];
let refunds: { charge_id: string }[];
let polls: number;
let failure: Error | undefined;

/** Makes the sources show what the variables above hold. The spies are restored after each test. */
function spyOnSources(): void {
  vi.spyOn(sourceReaders, 'readDatabase').mockImplementation(
    async (_service, _url, read) =>
      await read(async (text) => (Object.entries(rows).find(([part]) => text.includes(part))?.[1] ?? []) as never),
  );
  vi.spyOn(sourceReaders, 'readBroker').mockImplementation(async (_url, read) => {
    polls += 1;
    if (failure !== undefined) throw failure;
    const manager = {
      streams: { info: async () => ({ state: { messages: 7 } }) },
      consumers: {
        list: async function* (stream: string) {
          if (stream === 'SHOP_ORDER') yield* consumers;
          // Those of the other streams have nothing to do.
          else for (const name of ['order', 'analytics']) yield consumerOf(name);
        },
      },
    };
    return await read({ manager } as never);
  });
  vi.spyOn(sourceReaders, 'readJson').mockImplementation(async () => {
    const amount = { currency_code: 'EUR', minor_units: 100 };
    return {
      charges: charges.map((charge) => ({ ...charge, amount })),
      refunds: refunds.map((refund) => ({ ...refund, amount })),
    };
  });
}

function consumerOf(name: string, { num_pending = 0, num_ack_pending = 0 } = {}): Consumer {
  return { name, config: { durable_name: name }, num_pending, num_ack_pending };
}

const sources: InvariantSources = {
  databaseUrls: { order: '', inventory: '', payment: '', notification: '', analytics: '' },
  natsUrl: '',
  providerUrl: 'http://provider',
  mailboxUrl: undefined,
};
const findWork = async () =>
  (await findPendingWork(sources)).filter(({ count }) => count > 0).map(({ what, count }) => `${what}: ${count}`);

beforeEach(() => {
  spyOnSources();
  consumers = ['inventory', 'notification', 'analytics'].map((name) => consumerOf(name));
  [rows, charges, refunds, polls, failure] = [{}, [], [], 0, undefined];
});

describe('pending work', () => {
  it('is none on a platform where all is done', async () => {
    charges = [{ id: 'ch_1', order_id: 'o1', status: 'captured' }];

    expect(await findWork()).toEqual([]);
  });

  it('is every order that is not decided, with the number of all and the ids of the first', async () => {
    rows = { "status = 'PENDING'": [{ id: 'o1', total: 9 }] };

    expect(await findWork()).toContain('order: orders pending: 9');
  });

  it('is an event that was not delivered, and one that was delivered and not acknowledged', async () => {
    consumers = [consumerOf('inventory', { num_pending: 2 }), consumerOf('notification', { num_ack_pending: 3 })];
    consumers.push(consumerOf('analytics', { num_pending: 1, num_ack_pending: 1 }));

    expect(await findWork()).toEqual([
      'inventory: events of SHOP_ORDER not applied: 2',
      'notification: events of SHOP_ORDER not applied: 3',
      'analytics: events of SHOP_ORDER not applied: 2',
    ]);
  });

  it('is every event of a stream for a service that has no consumer yet', async () => {
    consumers = consumers.filter(({ name }) => name !== 'notification');

    expect(await findWork()).toEqual(['notification: events of SHOP_ORDER not applied: 7']);
  });

  it('is not what a reader without a durable consumer has before it', async () => {
    consumers.push({ ...consumerOf('reader', { num_pending: 4 }), config: {} });

    expect(await findWork()).toEqual([]);
  });

  it('is a charge in flight at the provider, and a late capture of a refunded charge until that is refunded', async () => {
    charges = [
      { id: 'ch_1', order_id: 'o1', status: 'pending' },
      { id: 'ch_2', order_id: 'o2', status: 'captured' },
      { id: 'ch_3', order_id: 'o22', status: 'captured' },
    ];
    rows = { 'watch_until > now()': [{ id: 'o2', total: 1 }] };
    expect(await findWork()).toEqual(['provider: charges in flight: 1', 'provider: late captures not refunded: 1']);

    refunds = [{ charge_id: 'ch_2' }];
    expect(await findWork()).toEqual(['provider: charges in flight: 1']);
  });
});

describe('waiting for quiescence', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('takes two polls in a row that find nothing: work may have moved to a source that was read before', async () => {
    const waiting = waitForQuiescence(sources, { timeoutMs: 60_000 });
    await vi.advanceTimersByTimeAsync(100);
    expect(polls).toBe(1);
    consumers[0] = consumerOf('inventory', { num_pending: 1 });
    await vi.advanceTimersByTimeAsync(200);
    consumers[0] = consumerOf('inventory');
    await vi.advanceTimersByTimeAsync(400);

    expect(await waiting).toEqual([]);
    expect(polls).toBe(4);
  });

  it('ends with the source that could not be read', async () => {
    failure = new sourceReaders.SourceUnavailable('the broker cannot be read');

    expect(await waitForQuiescence(sources, { timeoutMs: 0 })).toMatchObject([{ what: 'the broker cannot be read' }]);
  });

  it('fails with an error that is no missing source', async () => {
    failure = new TypeError('a mistake');

    await expect(waitForQuiescence(sources, { timeoutMs: 0 })).rejects.toThrow('a mistake');
  });
});
