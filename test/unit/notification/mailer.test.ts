// The mailer: what it sends and stores, and how it backs off from a mail server that is down.
import { fromBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NotificationSentSchema } from '#gen/shop/notification/v1/notification_events_pb.ts';
import { type Mail, type MailerDependencies, sendDueMails, toMailFailure } from '#services/notification/mailer.ts';
import { messageIdOf } from '#services/notification/notification.ts';
import type { DueNotification, NotificationStore } from '#services/notification/notification-store.ts';
import { createPolicies } from '#services/notification/policies.ts';
import { createCallPolicy } from '#services/platform/client/call-policy.ts';
import { createLog } from '#services/platform/observability/log.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { notificationOf } from './fakes.ts';

// Storing the end of an attempt may wait for a connection and for a statement, each this long.
const DATABASE_TIMEOUT_MS = 3_000;
// The calls to the mail server at once; the rest of a batch is queued.
const CONNECTIONS = createPolicies(1).mailServer.maxConcurrent;
const NOW = new Date('2026-01-02T03:04:06.000Z');
const unsignalled = () => new AbortController().signal;

function createMailer(...due: readonly DueNotification[]) {
  const store = {
    claimDue: vi.fn<NotificationStore['claimDue']>(async (limit) => due.slice(0, limit)),
    markSent: vi.fn<NotificationStore['markSent']>(async () => true),
    postpone: vi.fn<NotificationStore['postpone']>(async () => undefined),
  };
  const send = vi.fn<(mail: Mail) => Promise<unknown>>(async () => undefined);
  const wakeRelay = vi.fn();
  const now = vi.fn(() => NOW);
  const log = createLog({ service: 'notification', level: 'silent' });
  const dependencies: MailerDependencies = {
    store,
    send,
    mailServer: createCallPolicy({
      policy: { ...createPolicies(60_000).mailServer, breakerFailures: 3 },
      toFailure: (thrown) => toMailFailure('smtp', thrown),
      metrics: createMetrics('notification'),
      log,
    }),
    accepted: new Map(),
    wakeRelay,
    now,
    log,
  };
  return {
    store,
    send,
    wakeRelay,
    now,
    dependencies,
    run: (signal = unsignalled()) => sendDueMails(dependencies, signal),
  };
}

function dueOf(count: number, attempt = 1): DueNotification[] {
  return Array.from({ length: count }, (_, index) => ({
    notification: notificationOf({ notificationId: `id-${index}`, orderId: `o${index}` }),
    attempt,
    traceparent: '',
  }));
}

function refusal(responseCode: number): Error {
  return Object.assign(new Error(`refused with ${responseCode}`), { responseCode });
}

describe('a mail that is due', () => {
  it('goes to the customer with the notification’s Message-ID', async () => {
    const { send, run } = createMailer({ notification: notificationOf(), attempt: 1, traceparent: '' });
    await run();
    expect(send.mock.calls[0]?.[0]).toMatchObject({
      from: 'orders@shop.example',
      to: 'cust123@customers.example',
      messageId: messageIdOf(notificationOf().notificationId),
      subject: 'Your order o1 is confirmed',
    });
  });

  it('is marked as sent together with its event, after the mail server accepted it', async () => {
    const { store, send, wakeRelay, run } = createMailer({
      notification: notificationOf(),
      attempt: 1,
      traceparent: '',
    });
    send.mockImplementationOnce(async () => expect(store.markSent).not.toHaveBeenCalled());
    await run();

    const [id, time, events] = store.markSent.mock.calls[0] ?? [];
    expect([id, time]).toEqual([notificationOf().notificationId, NOW]);
    const event = fromBinary(NotificationSentSchema, events?.[0]?.payload ?? new Uint8Array());
    expect(event).toMatchObject({ orderId: 'o1', customerId: 'cust123', version: 2n });
    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('does not wake the relay when another replica marked it first', async () => {
    const { store, wakeRelay, run } = createMailer(...dueOf(1));
    store.markSent.mockResolvedValueOnce(false);
    await run();
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('is only marked, with the time it was sent at, when it is due again because it could not be marked', async () => {
    const { store, send, now, dependencies, run } = createMailer(...dueOf(1));
    store.markSent.mockRejectedValueOnce(new Error('the database is unavailable'));
    await expect(run()).rejects.toThrow('the database is unavailable');
    expect(store.postpone).not.toHaveBeenCalled();

    now.mockReturnValue(new Date(NOW.getTime() + 60_000));
    await run();

    expect(send).toHaveBeenCalledOnce();
    expect(store.markSent.mock.calls[1]?.slice(0, 2)).toEqual(['id-0', NOW]);
    expect(dependencies.accepted.size).toBe(0);
  });

  it('that was accepted is remembered among 1,000, so that an outage cannot fill the memory', async () => {
    const { store, dependencies, run } = createMailer(...dueOf(1));
    for (let index = 0; index < 1_000; index += 1) dependencies.accepted.set(`old-${index}`, NOW);
    store.markSent.mockRejectedValueOnce(new Error('the database is unavailable'));
    await expect(run()).rejects.toThrow('the database is unavailable');

    expect(dependencies.accepted.size).toBe(1_000);
    expect([dependencies.accepted.has('old-0'), dependencies.accepted.has('id-0')]).toEqual([false, true]);
  });

  it('is one of a batch of at most 20, and a full batch is followed by the next at once', async () => {
    const { send, run } = createMailer(...dueOf(25));
    expect(await run()).toBe(true);
    expect(send).toHaveBeenCalledTimes(20);
  });

  it('makes the mailer idle when there is none', async () => {
    const { send, run } = createMailer();
    expect(await run()).toBe(false);
    expect(send).not.toHaveBeenCalled();
  });
});

describe('a mail that could not be sent', () => {
  it.each([
    [1, 250, 500],
    [3, 1_000, 2_000],
    [50, 5_000, 10_000],
  ])('at attempt %i is postponed by %i to %i ms', async (attempt, least, most) => {
    const { store, send, run } = createMailer(...dueOf(1, attempt));
    send.mockRejectedValueOnce(new Error('connect ECONNREFUSED'));
    await run();

    const [id, delayMs, error, counted] = store.postpone.mock.calls[0] ?? [];
    expect([id, error, counted]).toEqual(['id-0', 'connect ECONNREFUSED', true]);
    expect(delayMs).toBeGreaterThanOrEqual(least);
    expect(delayMs).toBeLessThanOrEqual(most);
    expect(store.markSent).not.toHaveBeenCalled();
  });

  it('is postponed much longer after a permanent refusal', async () => {
    const { store, send, run } = createMailer(...dueOf(1, 50));
    send.mockRejectedValueOnce(refusal(550));
    await run();
    expect(store.postpone.mock.calls[0]?.[1]).toBeGreaterThanOrEqual(300_000);
  });

  it('does not block other mails', async () => {
    const { store, send, run } = createMailer(...dueOf(3));
    send.mockRejectedValueOnce(new Error('reset'));
    await run();
    expect(store.markSent.mock.calls.map(([id]) => id)).toEqual(['id-1', 'id-2']);
  });

  it('has no password in the error that is stored', async () => {
    const { store, send, run } = createMailer(...dueOf(1));
    send.mockRejectedValueOnce(new Error('no smtp://shop:geheim@mail.example'));
    await run();
    expect(store.postpone.mock.calls[0]?.[2]).not.toContain('geheim');
  });
});

describe('a mail server that is down', () => {
  it('opens the breaker; then one mail at a time probes it, without counting an attempt', async () => {
    const { store, send, dependencies, run } = createMailer(...dueOf(4));
    send.mockRejectedValue(new Error('connect ECONNREFUSED'));
    await run();
    expect(dependencies.mailServer.breaker().state).toBe('open');
    const before = send.mock.calls.length;

    expect(await run()).toBe(false);
    expect(store.claimDue.mock.calls.map(([limit]) => limit)).toEqual([20, 1]);
    expect(send).toHaveBeenCalledTimes(before);
    expect(store.postpone.mock.calls.at(-1)).toEqual(['id-0', 500, expect.stringContaining('open'), false]);
  });

  it('does not open the breaker when it refuses mails', async () => {
    const { send, dependencies, run } = createMailer(...dueOf(10));
    send.mockRejectedValue(refusal(550));
    await run();
    expect(dependencies.mailServer.breaker().state).toBe('closed');
  });
});

describe('a mail in flight', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function neverAccepted({ send }: ReturnType<typeof createMailer>) {
    send.mockImplementation(
      ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
  }

  it('is aborted after 8 s', async () => {
    const mailer = createMailer(...dueOf(1));
    neverAccepted(mailer);
    const running = mailer.run();
    await vi.advanceTimersByTimeAsync(7_999);
    expect(mailer.store.postpone).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await running;
    expect(mailer.store.postpone).toHaveBeenCalledOnce();
  });

  it('is leased until its end is stored, so that no other replica sends it at the same time', async () => {
    const mailer = createMailer(...dueOf(20));
    neverAccepted(mailer);
    const startedMs = performance.now();
    const running = mailer.run();
    await vi.runAllTimersAsync();
    await running;
    expect(mailer.store.postpone).toHaveBeenCalledTimes(20);
    const [, leaseMs] = mailer.store.claimDue.mock.calls[0] ?? [];
    expect(leaseMs).toBeGreaterThan(performance.now() - startedMs + 2 * DATABASE_TIMEOUT_MS);
  });

  it.each([
    { end: 'a stop', stops: true, afterMs: 2_000 },
    { end: 'its limit', stops: false, afterMs: 8_000 },
  ])('counts as an attempt when $end aborts it, and one that was only queued does not', async ({ stops, afterMs }) => {
    const mailer = createMailer(...dueOf(CONNECTIONS + 2));
    neverAccepted(mailer);
    const stopping = new AbortController();
    const running = mailer.run(stopping.signal);
    await vi.advanceTimersByTimeAsync(0);
    if (stops) stopping.abort();
    await vi.advanceTimersByTimeAsync(afterMs);
    await running;
    expect(mailer.send).toHaveBeenCalledTimes(CONNECTIONS);
    const counted = mailer.store.postpone.mock.calls.map(([id, , , isCounted]) => [id, isCounted]);
    expect(Object.fromEntries(counted)).toEqual({
      ...Object.fromEntries(Array.from({ length: CONNECTIONS }, (_, index) => [`id-${index}`, true])),
      [`id-${CONNECTIONS}`]: false,
      [`id-${CONNECTIONS + 1}`]: false,
    });
  });

  it('gets 2 s more when the service stops', async () => {
    const mailer = createMailer(...dueOf(1));
    neverAccepted(mailer);
    const stopping = new AbortController();
    const running = mailer.run(stopping.signal);
    await vi.advanceTimersByTimeAsync(0);
    stopping.abort();
    await vi.advanceTimersByTimeAsync(1_999);
    expect(mailer.store.postpone).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await running;
    expect(mailer.store.postpone).toHaveBeenCalledOnce();
  });

  it('that has ended starts no timer when the service stops later', async () => {
    const mailer = createMailer(...dueOf(1));
    const stopping = new AbortController();
    await mailer.run(stopping.signal);
    stopping.abort();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gets no more than these 2 s when the service stops while the mail is claimed', async () => {
    const mailer = createMailer(...dueOf(1));
    neverAccepted(mailer);
    const stopping = new AbortController();
    const running = mailer.run(stopping.signal);
    stopping.abort();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(mailer.send).toHaveBeenCalledOnce();
    expect(mailer.store.postpone).toHaveBeenCalledOnce();
    await running;
  });
});
