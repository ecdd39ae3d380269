// A cell of the fault matrix as its tests begin with it: all is well.
import type { CellResult, Refusal } from '../../../chaos/fault-matrix/judge.ts';

export const pendingResult: CellResult = {
  cell: {
    name: 'payment/latency/call/down',
    dependency: 'payment',
    fault: 'latency',
    scope: 'call',
    way: 'down',
  },
  response: { outcome: 'TIMEOUT', reason: 'PAYMENT_TIMEOUT', status: 'PENDING' },
  tookMs: 1_950,
  hits: 1,
  end: { status: 'CONFIRMED', afterMs: 300 },
  deaths: [],
  errors: [],
};

export const refusal: Refusal = { code: 'Unavailable', message: 'away', reason: 'AWAY', retryAfterMs: 1_000 };
