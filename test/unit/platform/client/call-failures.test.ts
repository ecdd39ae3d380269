// What is done about each way a call fails; the first table in the platform's README is this one.
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createCallPolicy } from '#services/platform/client/call-policy.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

type Kind = { readonly known: string; readonly isCounted: boolean; readonly repeated: 'yes' | 'no' | typeof IF_SHORT };

const IF_SHORT = 'if it names a short wait';

const kinds: Readonly<Record<CallFailure, Kind>> = {
  timeout: { known: 'no answer in time: the outcome is unknown', repeated: 'no', isCounted: true },
  unreachable: {
    known: 'not reached, or the connection broke: the outcome may be unknown',
    repeated: 'yes',
    isCounted: true,
  },
  internal: { known: 'the neighbour itself said that it failed', repeated: 'no', isCounted: true },
  unreadable: { known: 'an answer came that cannot be read: the outcome is unknown', repeated: 'no', isCounted: true },
  not_understood: {
    known: 'the neighbour could make nothing of the request: spoilt on its way, or of another version of the contract',
    repeated: 'no',
    isCounted: false,
  },
  refused: { known: 'the neighbour understood and said no, and why', repeated: 'no', isCounted: false },
  overloaded: {
    known: 'the neighbour sheds load, or too many calls to it are under way here',
    repeated: IF_SHORT,
    isCounted: false,
  },
  circuit_open: { known: 'not called: the circuit breaker is open', repeated: 'no', isCounted: false },
  not_called: { known: 'not called: too little time was left', repeated: 'no', isCounted: false },
  cancelled: { known: 'our own caller gave up', repeated: 'no', isCounted: false },
};
const rows = Object.entries(kinds) as [CallFailure, Kind][];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** How often a call is made that fails so, and whether a breaker that opens at once then stands open. */
async function suffer(failure: CallFailure, retryAfterMs?: number) {
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

it.each(rows)('%s: is repeated and counted as the table says', async (failure, { repeated, isCounted }) => {
  const state = isCounted ? 'open' : 'closed';

  expect(await suffer(failure)).toEqual({ sent: repeated === 'yes' ? 2 : 1, state });
  expect(await suffer(failure, 1)).toEqual({ sent: repeated === 'no' ? 1 : 2, state });
});

it('is what the README of the platform says', () => {
  const readme = readFileSync(new URL('../../../../services/platform/README.md', import.meta.url), 'utf8');
  const table = rows.map(
    ([failure, { known, repeated, isCounted }]) =>
      `| \`${failure}\` | ${known} | ${repeated} | ${isCounted ? 'yes' : 'no'} |`,
  );

  expect(readme).toContain(`\n${table.join('\n')}\n\n`);
});
