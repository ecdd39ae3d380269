// A call as a use case sees it, for unit tests that serve none.
import { startDeadline } from '#services/platform/base/deadline.ts';
import type { Call } from '#services/platform/server/call.ts';

export type TestCallOptions = { readonly budgetMs?: number; readonly headers?: Record<string, string> };

/** Makes a call that nobody aborts: a minute of time and no headers, unless the test says otherwise. */
export function testCall({ budgetMs = 60_000, headers = {} }: TestCallOptions = {}): Call {
  return {
    deadline: startDeadline(budgetMs),
    signal: new AbortController().signal,
    headers: new Headers(headers),
  };
}
