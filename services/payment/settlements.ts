// The settlements running in this replica: one per order at a time, shared by all its callers, and finished even when they hang up.
import { startDeadline } from '../platform/base/deadline.ts';
import { DEFAULT_RETRY_AFTER_MS, DomainError, describeError } from '../platform/base/errors.ts';
import type { Component } from '../platform/base/lifecycle.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { Run } from './settlement.ts';

const MAX_RUNNING = 500;
const STOP_GRACE_MS = 2_000;

export type Settlements<Result> = Component & {
  /**
   * Starts the deadline of a settlement that is about to begin.
   * @throws {DomainError} TOO_MANY_PAYMENTS.
   */
  admit(): Run;
  /** Joins the running settlement of the order, or starts `work`. */
  run(orderId: string, work: (run: Run) => Promise<Result>, admitted?: Run): Promise<Result>;
};

/** Creates the registry. A settlement takes at most `timeoutMs`, SQL statements not counted. */
export function createSettlements<Result>(options: {
  readonly timeoutMs: number;
  readonly log: Logger;
}): Settlements<Result> {
  const running = new Map<string, Promise<Result>>();
  const stopping = new AbortController();
  const begin = (): Run => ({ deadline: startDeadline(options.timeoutMs), signal: stopping.signal });

  const start = (orderId: string, work: (run: Run) => Promise<Result>, run: Run): Promise<Result> => {
    const result = work(run).finally(() => running.delete(orderId));
    running.set(orderId, result);
    // Log here as well as reject: without a waiting caller the error would be lost.
    result.catch((error: unknown) => {
      const reason = error instanceof DomainError ? describeError(error.cause ?? error) : describeError(error);
      options.log.info({ reason }, 'charge not settled, retrying later');
    });
    return result;
  };

  return {
    name: 'settlements',
    admit: () => {
      if (running.size >= MAX_RUNNING) {
        throw new DomainError({
          kind: 'resource_exhausted',
          reason: 'TOO_MANY_PAYMENTS',
          message: 'too many payments are in flight',
          retryAfterMs: DEFAULT_RETRY_AFTER_MS,
        });
      }
      return begin();
    },
    run: (orderId, work, admitted) => running.get(orderId) ?? start(orderId, work, admitted ?? begin()),
    stop: async () => {
      stopping.abort();
      const finished = Promise.allSettled(running.values());
      await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, STOP_GRACE_MS).unref())]);
    },
  };
}
