// What callers were acknowledged during a soak, and what of it may never be: the platform's side is judged by the invariants.
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import type { Mode } from './settings.ts';

/** An answer, with when it came by `performance.now()` and how long it took. */
export type Answer = { readonly acknowledged: AcknowledgedOrder; readonly atMs: number; readonly tookMs: number };

/** A call that failed, as its caller saw it. */
export type FailedCall = {
  readonly idempotencyKey: string;
  readonly rpc: string;
  /** The RPC code's name, like `Unavailable`. */
  readonly code: string;
  /** The reason in the error's ErrorInfo; empty when it has none. */
  readonly reason: string;
  readonly message: string;
  readonly hasRetryInfo: boolean;
  /** When it began, by `performance.now()`. */
  readonly beganMs: number;
};

export type Journal = {
  readonly answers: readonly Answer[];
  readonly failures: readonly FailedCall[];
  /** What no caller may ever see, in words. */
  readonly faults: readonly string[];
  answered(answer: Answer): void;
  failed(call: FailedCall): void;
  /** A cancellation was refused because the order was decided otherwise: then it is never cancelled. */
  cancelRefused(orderId: string): void;
  fault(words: string): void;
  /** How many orders were last acknowledged to be in each way. */
  countOutcomes(): Record<string, number>;
  /** What failed though it was begun in these times, in which nothing may fail. */
  findFailuresWithin(times: readonly { readonly fromMs: number; readonly untilMs: number }[]): string[];
  /** What contradicts how the orders ended. */
  findContradictions(ended: ReadonlyMap<string, AcknowledgedOrder['status']>): string[];
};

// What a part that is killed, or that waits for one, may answer with.
const OUTAGE_CODES = new Set([
  'Unavailable',
  'DeadlineExceeded',
  'Aborted',
  'Canceled',
  'ResourceExhausted',
  'Unknown',
]);

/** What is wrong with a failure, by the mode; undefined when such failures are part of it. */
function findFault(mode: Mode, { code, hasRetryInfo }: FailedCall): string | undefined {
  if (mode === 'kills') return OUTAGE_CODES.has(code) ? undefined : 'which no outage explains';
  // The service that is asked stays up: whatever it lacks, it says when to come back.
  return code === 'Unavailable' && hasRetryInfo ? undefined : 'which is not Unavailable with RetryInfo';
}

function describeFailure({ rpc, idempotencyKey, code, reason, message }: FailedCall): string {
  return `${rpc} of ${idempotencyKey} failed with ${code} ${reason || 'without a reason'} (${message})`;
}

/** Makes an empty journal of a soak of this mode. */
export function createJournal(mode: Mode): Journal {
  const answers: Answer[] = [];
  const failures: FailedCall[] = [];
  const faults: string[] = [];
  const latest = new Map<string, string>();
  const refusedCancels = new Set<string>();
  return {
    answers,
    failures,
    faults,
    answered: (answer) => {
      answers.push(answer);
      latest.set(answer.acknowledged.idempotencyKey, answer.acknowledged.outcome);
    },
    failed: (call) => {
      failures.push(call);
      const fault = findFault(mode, call);
      if (fault !== undefined) faults.push(`${describeFailure(call)}, ${fault}`);
    },
    cancelRefused: (orderId) => {
      refusedCancels.add(orderId);
    },
    fault: (words) => {
      faults.push(words);
    },
    countOutcomes: () => {
      const counts: Record<string, number> = {};
      for (const outcome of latest.values()) counts[outcome] = (counts[outcome] ?? 0) + 1;
      return counts;
    },
    findFailuresWithin: (times) =>
      failures
        .filter(({ beganMs }) => times.some(({ fromMs, untilMs }) => beganMs >= fromMs && beganMs < untilMs))
        .map((call) => `${describeFailure(call)}, though only the broker was away`),
    findContradictions: (ended) =>
      [...refusedCancels]
        .filter((orderId) => ended.get(orderId) === 'CANCELLED')
        .map((orderId) => `${orderId} is cancelled, after its cancellation was refused`),
  };
}
