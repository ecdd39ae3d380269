// The journal of a soak: which answers and errors violate the contract.
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
  startMs: 100,
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
    'accepts %s while processes are killed',
    (code) => {
      expect(faultsOf('kills', refused({ code, reason: '', hasRetryInfo: false }))).toEqual([]);
    },
  );

  it.each(['Internal', 'NotFound', 'FailedPrecondition', 'InvalidArgument'])(
    'reports %s even while processes are killed',
    (code) => {
      expect(faultsOf('kills', refused({ code, reason: '', message: 'internal error' }))).toEqual([
        `CreateOrder of key-1 failed with ${code} without a reason (internal error), which no outage explains`,
      ]);
    },
  );

  it('requires RetryInfo while the database is down', () => {
    expect(faultsOf('postgres-down', refused())).toEqual([]);
    expect(faultsOf('postgres-down', refused({ hasRetryInfo: false }))).toHaveLength(1);
    expect(faultsOf('postgres-down', refused({ code: 'DeadlineExceeded' }))).toHaveLength(1);
  });

  it('reports every failure of calls started while only the broker is down', () => {
    const journal = createJournal('nats-down');
    for (const startMs of [99, 100, 199, 200]) journal.failed(refused({ idempotencyKey: `key-${startMs}`, startMs }));

    expect(journal.faults).toEqual([]);
    expect(journal.findFailuresWithin([{ fromMs: 100, untilMs: 200 }])).toEqual([
      expect.stringMatching(/^CreateOrder of key-100 failed .*, though only the broker was down$/),
      expect.stringMatching(/^CreateOrder of key-199 failed/),
    ]);
  });

  it('counts each key by its latest outcome', () => {
    const journal = createJournal('kills');
    const answer = (idempotencyKey: string, outcome: string) => {
      const acknowledged = {
        idempotencyKey,
        orderId: `order of ${idempotencyKey}`,
        status: 'PENDING',
        outcome,
      } as const;
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
