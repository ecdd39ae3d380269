// The journal of a soak: every answer and error that clients saw, and which of them violate the contract. The invariants judge
// the state of the platform.
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';
import type { Mode } from './settings.ts';

/** An answer, with its time by `performance.now()` and its latency. */
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
  /** When the call started, by `performance.now()`. */
  readonly startMs: number;
};

export type Journal = {
  readonly answers: readonly Answer[];
  readonly failures: readonly FailedCall[];
  /** Descriptions of answers and errors that no client may see. */
  readonly faults: readonly string[];
  answered(answer: Answer): void;
  failed(call: FailedCall): void;
  /** Records a refused CancelOrder: the order may then never become CANCELLED. */
  cancelRefused(orderId: string): void;
  fault(words: string): void;
  /** Counts the keys by the outcome of their latest answer. */
  countOutcomes(): Record<string, number>;
  /** Describes the failed calls that started in one of these intervals. */
  findFailuresWithin(times: readonly { readonly fromMs: number; readonly untilMs: number }[]): string[];
  /** Describes the answers that the end states of the orders contradict. */
  findContradictions(ended: ReadonlyMap<string, AcknowledgedOrder['status']>): string[];
};

// The codes that calls may fail with while a service, or one that it depends on, is killed.
const OUTAGE_CODES = new Set([
  'Unavailable',
  'DeadlineExceeded',
  'Aborted',
  'Canceled',
  'ResourceExhausted',
  'Unknown',
]);

/** Describes what is wrong with a failed call; undefined when the mode of the soak explains it. */
function findFault(mode: Mode, { code, hasRetryInfo }: FailedCall): string | undefined {
  if (mode === 'kills') return OUTAGE_CODES.has(code) ? undefined : 'which no outage explains';
  // The called service stays up, so it has to return RetryInfo.
  return code === 'Unavailable' && hasRetryInfo ? undefined : 'which is not Unavailable with RetryInfo';
}

function describeFailure({ rpc, idempotencyKey, code, reason, message }: FailedCall): string {
  return `${rpc} of ${idempotencyKey} failed with ${code} ${reason || 'without a reason'} (${message})`;
}

/** Creates an empty journal of a soak in this mode. */
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
        .filter(({ startMs }) => times.some(({ fromMs, untilMs }) => startMs >= fromMs && startMs < untilMs))
        .map((call) => `${describeFailure(call)}, though only the broker was down`),
    findContradictions: (ended) =>
      [...refusedCancels]
        .filter((orderId) => ended.get(orderId) === 'CANCELLED')
        .map((orderId) => `${orderId} is cancelled, after its cancellation was refused`),
  };
}
