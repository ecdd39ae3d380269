// The call that a use case serves, independent of the protocol.
import type { HandlerContext } from '@connectrpc/connect';
import { callBudgetMs, type Deadline, startDeadline } from '../base/deadline.ts';
import type { Caller } from '../identity/caller.ts';
import { callerOf } from './access-control.ts';
import { queueWaitMs } from './load-shedding.ts';

/** The third parameter of every use case that needs it: `(dependencies, request, call)`. */
export type Call = {
  /** When the answer must be ready. */
  readonly deadline: Deadline;
  /** Aborts when the caller gives up or its deadline passes. */
  readonly signal: AbortSignal;
  readonly headers: Headers;
  readonly caller: Caller;
};

export type CallBudget = {
  /** The longest that the service works on a call before it answers, in milliseconds; by default only the caller limits it. */
  readonly budgetMs?: number;
  /** Kept of the caller's own deadline, so that the answer arrives before the caller gives up; in milliseconds. */
  readonly answerMs?: number;
};

/** Describes a served call. The time it was queued is part of its budget. */
export function callOf(
  context: Pick<HandlerContext, 'timeoutMs' | 'signal' | 'requestHeader' | 'values'>,
  { budgetMs = Number.POSITIVE_INFINITY, answerMs = 0 }: CallBudget = {},
): Call {
  const callerMs = context.timeoutMs();
  const serviceMs = Math.max(0, budgetMs - queueWaitMs(context));
  const leftMs = callBudgetMs(serviceMs, callerMs === undefined ? undefined : callerMs - answerMs);
  const { signal, requestHeader: headers } = context;
  return { deadline: startDeadline(leftMs), signal, headers, caller: callerOf(context) };
}
