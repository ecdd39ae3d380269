// What callers of a soak were acknowledged, and which of it is a fault of the platform's.
import { describe, expect, it } from 'vitest';
import { createJournal, type FailedCall } from '../../chaos/soak/journal.ts';
import type { Mode } from '../../chaos/soak/settings.ts';

const refused = (change: Partial<FailedCall> = {}): FailedCall => ({
  idempotencyKey: 'key-1',
  rpc: 'CreateOrder',
  code: 'Unavailable',
  reason: 'DATABASE_UNAVAILABLE',
  message: 'the database cannot be reached now',
  hasRetryInfo: true,
  beganMs: 100,
  ...change,
});

function faultsOf(mode: Mode, call: FailedCall): readonly string[] {
  const journal = createJournal(mode);
  journal.failed(call);
  expect(journal.failures).toEqual([call]);
  return journal.faults;
}

describe('the journal of a soak', () => {
  it.each(['Unavailable', 'DeadlineExceeded', 'Aborted', 'Canceled'])(
    'takes %s for an outage while everything is killed',
    (code) => {
      expect(faultsOf('kills', refused({ code, reason: '', hasRetryInfo: false }))).toEqual([]);
    },
  );

  it.each(['Internal', 'NotFound', 'FailedPrecondition', 'InvalidArgument'])(
    'takes %s for a fault whatever is killed',
    (code) => {
      expect(faultsOf('kills', refused({ code, reason: '', message: 'internal error' }))).toEqual([
        `CreateOrder of key-1 failed with ${code} without a reason (internal error), which no outage explains`,
      ]);
    },
  );

  it('wants to be acknowledged when to come back while the database is away', () => {
    expect(faultsOf('postgres-down', refused())).toEqual([]);
    expect(faultsOf('postgres-down', refused({ hasRetryInfo: false }))).toHaveLength(1);
    expect(faultsOf('postgres-down', refused({ code: 'DeadlineExceeded' }))).toHaveLength(1);
  });

  it('takes no failure at all of calls begun while only the broker is away', () => {
    const journal = createJournal('nats-down');
    for (const beganMs of [99, 100, 199, 200]) journal.failed(refused({ idempotencyKey: `key-${beganMs}`, beganMs }));

    expect(journal.faults).toEqual([]);
    expect(journal.findFailuresWithin([{ fromMs: 100, untilMs: 200 }])).toEqual([
      expect.stringMatching(/^CreateOrder of key-100 failed .*, though only the broker was away$/),
      expect.stringMatching(/^CreateOrder of key-199 failed/),
    ]);
  });

  it('counts each key by what it was last acknowledged', () => {
    const journal = createJournal('kills');
    const answer = (idempotencyKey: string, outcome: string) => {
      const acknowledged = { idempotencyKey, orderId: `order of ${idempotencyKey}`, status: 'PENDING', outcome } as const;
      journal.answered({ acknowledged, atMs: 10, tookMs: 5 });
    };
    answer('key-1', 'TIMEOUT');
    answer('key-2', 'CONFIRMED');
    answer('key-1', 'CONFIRMED');

    expect(journal.countOutcomes()).toEqual({ CONFIRMED: 2 });
    expect(journal.answers).toHaveLength(3);
  });

  it('finds an order cancelled after its cancellation was refused', () => {
    const journal = createJournal('kills');
    journal.cancelRefused('order-1');
    journal.cancelRefused('order-2');

    const contradictions = journal.findContradictions(
      new Map([
        ['order-1', 'CONFIRMED'],
        ['order-2', 'CANCELLED'],
      ]),
    );

    expect(contradictions).toEqual(['order-2 is cancelled, after its cancellation was refused']);
  });
});
