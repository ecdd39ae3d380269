// The deadline of a call, as the headers of each protocol carry it.

import type { DeadlineExpectation } from '../contract-file/interaction.ts';
import type { Difference } from '../matching/difference.ts';

const MILLISECONDS_OF: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Returns the deadline in milliseconds; `undefined` when the headers have none, or one that cannot be parsed. */
export function readDeadlineMs(header: Pick<Headers, 'get'>): number | undefined {
  const connect = header.get('connect-timeout-ms');
  if (connect !== null) return /^\d{1,10}$/.test(connect) ? Number(connect) : undefined;
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(header.get('grpc-timeout') ?? '') ?? [];
  return amount === undefined ? undefined : Number(amount) * (MILLISECONDS_OF[unit ?? ''] ?? Number.NaN);
}

/** Returns how a call's deadline differs from the expected one. */
export function matchDeadline(expected: DeadlineExpectation | undefined, header: Pick<Headers, 'get'>): Difference[] {
  if (!expected) return [];
  const actualMs = readDeadlineMs(header);
  if (actualMs !== undefined && actualMs <= (expected.atMostMs ?? Number.POSITIVE_INFINITY)) return [];
  return [
    {
      path: 'deadline',
      expected: expected.atMostMs === undefined ? 'any deadline' : `at most ${expected.atMostMs} ms`,
      actual: actualMs === undefined ? 'nothing' : `${actualMs} ms`,
    },
  ];
}
