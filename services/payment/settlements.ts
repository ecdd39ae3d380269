// The settlements running in this replica: one an order at a time, shared by everybody who waits for it, and finished whether
// or not somebody still does.
import { startDeadline } from '../platform/base/deadline.ts';
import { DEFAULT_RETRY_AFTER_MS, DomainError, describeError } from '../platform/base/errors.ts';
import type { Component } from '../platform/base/lifecycle.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { Run } from './settlement.ts';

const MAX_RUNNING = 500;
const STOP_GRACE_MS = 2_000;

export type Settlements<Result> = Component & {
  /** Starts the clock of a settlement that is about to begin. Throws DomainError `resource_exhausted` when too many run. */
  admit(): Run;
  /** Joins the settlement of this order that runs, or starts `work`. */
  run(orderId: string, work: (run: Run) => Promise<Result>, admitted?: Run): Promise<Result>;
};

/** Makes the registry. A settlement takes `timeoutMs` at most, apart from statements. */
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
    // Those who wait get the error too; when nobody does, this line is all there is.
    result.catch((error: unknown) => {
      const reason = error instanceof DomainError ? describeError(error.cause ?? error) : describeError(error);
      options.log.info({ reason }, 'a charge stays open; it is settled later');
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
          message: 'too many payments are under way',
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
