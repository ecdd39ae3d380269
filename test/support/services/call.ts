// A call as a use case sees it, for unit tests without a server.
import type { Interceptor } from '@connectrpc/connect';
import { startDeadline } from '#services/platform/base/deadline.ts';
import { type Caller, GUEST } from '#services/platform/identity/caller.ts';
import type { Call } from '#services/platform/server/call.ts';

export type TestCallOptions = {
  readonly budgetMs?: number;
  readonly headers?: Record<string, string>;
  readonly caller?: Caller;
};

/** Creates a call that never aborts, with a minute of time and no headers unless the options say otherwise. */
export function testCall({ budgetMs = 60_000, headers = {}, caller = GUEST }: TestCallOptions = {}): Call {
  return {
    deadline: startDeadline(budgetMs),
    signal: new AbortController().signal,
    headers: new Headers(headers),
    caller,
  };
}

/** Access control for tests of other things. */
export const allowEveryone: Interceptor = (next) => next;
