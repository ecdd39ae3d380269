import type { MsgHdrs } from 'nats';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import type { Broker, BrokerSession } from '#services/platform/messaging/broker.ts';
import { createOutboxRelay } from '#services/platform/messaging/outbox-relay.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { recordSpans } from '../../../support/telemetry/recorded-spans.ts';
import { createFakeDatabase, type Statement } from '../support/fake-database.ts';
import { apiError } from '../support/fake-stream.ts';
import { recordLog } from '../support/recorded-log.ts';

const MIN_PAUSE_MS = 200;

type Publish = (subject: string, payload: Uint8Array, options: { msgID: string; headers: MsgHdrs }) => Promise<unknown>;

const row = (number: number) => ({
  event_id: `event-${number}`,
  subject: 'shop.order.v1.OrderCreated',
  payload: Buffer.from([number]),
  headers: { 'ce-id': `event-${number}`, traceparent: 'the trace' },
});
const rows = (count: number, from = 0) => Array.from({ length: count }, (_, index) => row(from + index));

/** Waits until a check holds, looking often: nothing here takes longer than a short pause. */
const eventually = (check: () => void) => vi.waitFor(check, { interval: 2, timeout: 3_000 });

/** A relay between an outbox of batches, given out one after the other, and a stream that is a function. */
function createTestRelay(batches: ReturnType<typeof row>[][], publish: Publish = async () => ({})) {
  const sent: unknown[] = [];
  const database = createFakeDatabase(({ text, values }: Statement) => {
    if (text.startsWith('update outbox')) sent.push(...(values[0] as string[]));
    if (text.startsWith('select exists')) return [{ found: batches.length > 0 }];
    return text.startsWith('select') ? (batches.shift() ?? []) : [];
  });
  const published = vi.fn<Publish>(publish);
  const streams = { info: vi.fn(async () => ({})) };
  const session = { jetstream: { publish: published }, manager: { streams } } as unknown as BrokerSession;
  const status = vi.fn<Broker['status']>(() => ({ connected: true, since: new Date() }));
  const openSession = vi.fn<Broker['session']>(async () => session);
  const metrics = createMetrics('order');
  const recorded = recordLog();
  const relay = createOutboxRelay({
    domain: DOMAIN,
    service: 'order',
    database,
    broker: { name: 'broker', start: async () => undefined, stop: async () => undefined, session: openSession, status },
    metrics,
    log: recorded.log,
  });
  return {
    ...recorded,
    relay,
    database,
    sent,
    published,
    streams,
    status,
    openSession,
    metrics,
    [Symbol.asyncDispose]: relay.stop,
  };
}

describe('a relay', () => {
  it('publishes each row unchanged, under its id', async () => {
    await using test = createTestRelay([rows(2)]);

    await test.relay.start();

    await eventually(() => expect(test.sent).toEqual(['event-0', 'event-1']));
    const [subject, payload, options] = test.published.mock.calls[1]!;
    expect(subject).toBe('shop.order.v1.OrderCreated');
    expect(payload).toEqual(Buffer.from([1]));
    expect(options.msgID).toBe('event-1');
    expect(options.headers.get('ce-id')).toBe('event-1');
    expect(options.headers.get('traceparent')).toBe('the trace');
  });

  it('publishes each row in a span of its own', async () => {
    using spans = recordSpans();
    await using test = createTestRelay([rows(2)]);

    await test.relay.start();

    await eventually(() => expect(spans.ended()).toHaveLength(2));
    expect(spans.ended()).toMatchObject([
      { name: 'publish shop.order.v1.OrderCreated', attributes: { 'messaging.message.id': 'event-0' } },
      { name: 'publish shop.order.v1.OrderCreated', attributes: { 'messaging.message.id': 'event-1' } },
    ]);
  });

  it('reads, publishes and records in one transaction whose rows no other replica can take', async () => {
    await using test = createTestRelay([rows(1)]);

    await test.relay.start();

    await eventually(() => expect(test.database.transactions[0]).toBe('committed'));
    const [read, record] = test.database.statements;
    expect(read?.text).toMatch(/where sent_time is null[\s\S]*limit \$2 for update skip locked/);
    expect(read?.values).toEqual([[], 100]);
    expect(record?.values).toEqual([['event-0']]);
  });

  it('waits for its period after a batch that was not full', async () => {
    await using test = createTestRelay([rows(99), rows(1, 99)]);

    await test.relay.start();

    await eventually(() => expect(test.sent).toHaveLength(99));
    await new Promise(setImmediate);
    expect(test.published).toHaveBeenCalledTimes(99);
  });

  it('counts what it published by subject', async () => {
    await using test = createTestRelay([rows(3)]);

    await test.relay.start();

    await eventually(() => expect(test.sent).toHaveLength(3));
    const { values } = await test.metrics.eventsPublished.get();
    expect(values).toMatchObject([{ value: 3, labels: { messaging_destination_name: 'shop.order.v1.OrderCreated' } }]);
  });
});

describe('without a wait, a relay', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Runs what is due now. */
  const settle = () => vi.advanceTimersByTimeAsync(0);

  it('takes the next batch after a full one', async () => {
    await using test = createTestRelay([rows(100), rows(100, 100), rows(3, 200)]);

    await test.relay.start();
    await settle();

    expect(test.sent).toHaveLength(203);
  });

  it('publishes what was stored since, when it is woken: at once after a pause, else 200 ms after the last time', async () => {
    const batches: ReturnType<typeof row>[][] = [];
    await using test = createTestRelay(batches);
    await test.relay.start();
    await vi.advanceTimersByTimeAsync(200);
    expect(test.database.statements).toHaveLength(1);

    batches.push([row(0)]);
    test.relay.wake();
    await settle();
    expect(test.sent).toEqual(['event-0']);
    batches.push([row(1), row(2)]);
    test.relay.wake();
    await vi.advanceTimersByTimeAsync(199);
    expect(test.sent).toEqual(['event-0']);
    await vi.advanceTimersByTimeAsync(1);

    expect(test.sent).toEqual(['event-0', 'event-1', 'event-2']);
    // It knows that there are some, and does not look first.
    expect(test.database.statements.filter(({ text }) => text.startsWith('select exists'))).toEqual([]);
  });
});

describe('an idle relay', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('looks once in a second, with one statement, for events of others, and publishes them', async () => {
    const batches: ReturnType<typeof row>[][] = [];
    await using test = createTestRelay(batches);
    await test.relay.start();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(test.database.transactions).toHaveLength(1);
    expect(test.database.statements.slice(1).map(({ text }) => text.split(' ')[1])).toEqual(['exists', 'exists']);

    batches.push([row(0)]);
    await vi.advanceTimersByTimeAsync(1_000);

    expect(test.sent).toEqual(['event-0']);
  });

  it('does not look for events that are postponed', async () => {
    const publish: Publish = async () => {
      throw new Error('larger than a message may be');
    };
    await using test = createTestRelay([[row(0), row(1)], [row(0), row(1)], []], publish);
    await test.relay.start();
    await vi.advanceTimersByTimeAsync(5_000);

    const looks = test.database.statements.filter(({ text }) => text.startsWith('select exists'));
    expect(looks[0]?.values).toEqual([['event-0', 'event-1']]);
  });
});

describe('a publication that fails', () => {
  beforeEach(() => void vi.useFakeTimers().setTimerTickMode('nextTimerAsync'));
  afterEach(() => void vi.useRealTimers());

  it('leaves only its own row unsent, and is retried', async () => {
    let failures = 1;
    const publish: Publish = async (_subject, _payload, { msgID }) => {
      if (msgID === 'event-1' && failures-- > 0) throw new Error('no answer');
    };
    await using test = createTestRelay([rows(3), [row(1)]], publish);

    await test.relay.start();

    await eventually(() => expect(test.sent).toEqual(['event-0', 'event-2', 'event-1']));
  });

  it('for the second time lets the rows behind it be published first', async () => {
    const publish: Publish = async (_subject, _payload, { msgID }) => {
      if (Number(msgID.slice(6)) < 100) throw new Error('larger than a message may be');
    };
    await using test = createTestRelay([rows(100), rows(100), rows(1, 100)], publish);

    await test.relay.start();

    await eventually(() => expect(test.sent).toEqual(['event-100']));
    const reads = test.database.statements.filter(({ text }) => text.startsWith('select'));
    const ids = rows(100).map((each) => each.event_id);
    expect(reads.slice(0, 3).map(({ values }) => values[0])).toEqual([[], [], ids]);
  });

  it('is the first again once its row was published in between', async () => {
    const batches = [rows(2), [row(0), row(2)], [row(0), row(3)]];
    const failures = [true, false, false, true, true, false];
    const publish: Publish = async () => {
      if (failures.shift()) throw new Error('no answer');
    };
    await using test = createTestRelay(batches, publish);

    await test.relay.start();

    const reads = () => test.database.statements.filter(({ text }) => text.startsWith('select'));
    await eventually(() => expect(reads().length).toBeGreaterThanOrEqual(4));
    expect(test.sent).toEqual(['event-1', 'event-0', 'event-3']);
    const skipped = reads().map(({ values }) => values[0]);
    expect(skipped.slice(0, 4)).toEqual([[], [], [], []]);
  });

  it('of a whole batch rolls back and is retried with backoff', async () => {
    const publish = vi.fn<Publish>(async () => {
      if (publish.mock.calls.length < 3) throw new Error('no answer');
    });
    await using test = createTestRelay([rows(1), rows(1), rows(1)], publish);

    await test.relay.start();

    await eventually(() => expect(test.sent.at(-1)).toBe('event-0'));
    expect(test.database.transactions).toEqual(['rolled back', 'rolled back', 'committed']);
    expect(test.messages('warn')).toEqual(['outbox relay failed, trying again']);
  });

  it('makes the relay look for its stream again, which the broker may have lost', async () => {
    const publish = vi.fn<Publish>(async () => {
      if (publish.mock.calls.length === 1) throw new Error('no responders');
    });
    await using test = createTestRelay([rows(1), rows(1)], publish);

    await test.relay.start();

    await eventually(() => expect(test.sent).toContain('event-0'));
    expect(test.streams.info).toHaveBeenCalledTimes(2);
  });
});

describe('the stream', () => {
  beforeEach(() => void vi.useFakeTimers().setTimerTickMode('nextTimerAsync'));
  afterEach(() => void vi.useRealTimers());

  it('is looked up once per session, not once per batch', async () => {
    await using test = createTestRelay([rows(100), rows(100, 100), rows(1, 200)]);

    await test.relay.start();

    await eventually(() => expect(test.sent).toHaveLength(201));
    expect(test.streams.info).toHaveBeenCalledExactlyOnceWith('SHOP_ORDER');
  });

  it('that is not provisioned yet is waited for, and said to be missing once', async () => {
    vi.setTimerTickMode('manual');
    await using test = createTestRelay([rows(1)]);
    for (let look = 1; look <= 3; look += 1) test.streams.info.mockRejectedValueOnce(apiError(10_059));

    await test.relay.start();
    for (const looks of [1, 2, 3]) {
      await vi.advanceTimersByTimeAsync(MIN_PAUSE_MS);
      expect(test.streams.info).toHaveBeenCalledTimes(looks);
      expect(test.database.transactions).toEqual([]);
      test.relay.wake();
    }
    await vi.advanceTimersByTimeAsync(MIN_PAUSE_MS);

    await eventually(() => expect(test.sent).toEqual(['event-0']));
    expect(test.messages('warn')).toEqual(['the stream is not provisioned yet; events wait in the outbox']);
  });
});

describe('an unreachable broker', () => {
  it('gets no request, and no transaction is held during the outage', async () => {
    await using test = createTestRelay([rows(1)]);
    test.status.mockReturnValue({ connected: false, since: new Date() });

    await test.relay.start();
    await eventually(() => expect(test.status).toHaveBeenCalled());

    expect(test.database.statements).toEqual([]);
    expect(test.published).not.toHaveBeenCalled();
  });

  it('at the start is waited for without delaying a stop', async () => {
    const test = createTestRelay([rows(1)]);
    test.openSession.mockImplementation(
      (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
    );
    await test.relay.start();

    await test.relay.stop();

    expect(test.database.statements).toEqual([]);
  });
});
