// Retry and breaker behaviour by kind of call failure; docs/failures.md shows this table.
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createCallPolicy } from '#services/platform/client/call-policy.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

type Kind = { readonly known: string; readonly isCounted: boolean; readonly retried: 'yes' | 'no' | typeof IF_SHORT };

const IF_SHORT = 'if it names a short wait';

const kinds: Readonly<Record<CallFailure, Kind>> = {
  timeout: { known: 'no response in time: the outcome is unknown', retried: 'no', isCounted: true },
  unreachable: {
    known: 'not reached, or the connection broke: the outcome may be unknown',
    retried: 'yes',
    isCounted: true,
  },
  internal: { known: 'the dependency reported its own failure', retried: 'no', isCounted: true },
  unreadable: { known: 'the response cannot be read: the outcome is unknown', retried: 'no', isCounted: true },
  not_understood: {
    known: 'the dependency could not understand the request: corrupted in transit, or another version of the contract',
    retried: 'no',
    isCounted: false,
  },
  refused: {
    known: 'the dependency understood the request and refused it with a reason',
    retried: 'no',
    isCounted: false,
  },
  overloaded: {
    known: 'the dependency sheds load, or too many calls to it are in flight here',
    retried: IF_SHORT,
    isCounted: false,
  },
  circuit_open: { known: 'not called: the circuit breaker is open', retried: 'no', isCounted: false },
  not_called: { known: 'not called: too little time was left', retried: 'no', isCounted: false },
  cancelled: { known: 'our own caller cancelled', retried: 'no', isCounted: false },
};
const rows = Object.entries(kinds) as [CallFailure, Kind][];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Makes a call that fails this way; returns the number of attempts and the state of a breaker that opens at the first failure. */
async function failWith(failure: CallFailure, retryAfterMs?: number) {
  const guard = createCallPolicy({
    policy: policyOf({ retries: 1, breakerFailures: 1 }),
    toFailure: (thrown) => thrown,
    metrics: createMetrics('order'),
    log: recordLog().log,
  });
  const send = vi.fn(() => Promise.reject(new DependencyError({ dependency: 'inventory', failure, retryAfterMs })));
  const call = { operation: 'Check', timeoutMs: undefined, idempotent: true, counted: true, send };
  const failed = expect(guard.call(call)).rejects.toMatchObject({ failure });
  await vi.advanceTimersByTimeAsync(500);
  await failed;
  return { sent: send.mock.calls.length, state: guard.breaker().state };
}

it.each(rows)('%s: is retried and counted as the table says', async (failure, { retried, isCounted }) => {
  const state = isCounted ? 'open' : 'closed';

  expect(await failWith(failure)).toEqual({ sent: retried === 'yes' ? 2 : 1, state });
  expect(await failWith(failure, 1)).toEqual({ sent: retried === 'no' ? 1 : 2, state });
});

it('is the table in docs/failures.md', () => {
  const page = readFileSync(new URL('../../../../docs/failures.md', import.meta.url), 'utf8');
  const table = rows.map(
    ([failure, { known, retried, isCounted }]) =>
      `| \`${failure}\` | ${known} | ${retried} | ${isCounted ? 'yes' : 'no'} |`,
  );

  expect(page).toContain(`\n${table.join('\n')}\n\n`);
});
