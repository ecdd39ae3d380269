// Runs one call of a stubbed RPC: writes it into the journal, finds its step, and does what the step says.

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { clone } from '@bufbuild/protobuf';
import { ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { Journal, RunningCall } from './journal.ts';
import type { AnyMessage, Step, StubbableMethod } from './stub.ts';
import { type StubBook, StubError } from './stub-book.ts';

type Messages = Iterable<object> | AsyncIterable<object>;

/** Answers a unary call. */
export async function answerUnary(
  method: StubbableMethod,
  request: AnyMessage,
  context: HandlerContext,
  stubs: StubBook,
  journal: Journal,
): Promise<object> {
  const call = begin(method, request, context, journal);
  try {
    const reply = await perform(stubs.next(method, request), request, context);
    call.outcome = 'answered';
    return reply;
  } catch (error) {
    throw end(call, error, context);
  }
}

/** Answers a server stream. */
export async function* answerStream(
  method: StubbableMethod,
  request: AnyMessage,
  context: HandlerContext,
  stubs: StubBook,
  journal: Journal,
): AsyncGenerator<object> {
  const call = begin(method, request, context, journal);
  try {
    yield* (await perform(stubs.next(method, request), request, context)) as Messages;
    call.outcome = context.signal.aborted ? 'abandoned' : 'answered';
  } catch (error) {
    throw end(call, error, context);
  } finally {
    if (call.outcome === 'running') call.outcome = 'abandoned';
  }
}

function begin(method: StubbableMethod, request: AnyMessage, context: HandlerContext, journal: Journal): RunningCall {
  const { requestHeader } = context;
  // A copy: what a reply function does to its request must not change what was received.
  const call: RunningCall = {
    method,
    request: clone(method.input, request),
    requestHeader,
    outcome: 'running',
    error: undefined,
  };
  journal.add(call);
  return call;
}

async function perform({ delayMs, action }: Step, request: AnyMessage, context: HandlerContext): Promise<object> {
  if (delayMs > 0) await delay(delayMs, undefined, { signal: context.signal });
  switch (action.kind) {
    case 'reply':
      return typeof action.reply === 'function' ? action.reply(request, context) : (action.reply as object);
    case 'fail':
      throw new ConnectError(action.message, action.code, undefined, action.details);
    case 'hang':
      if (!context.signal.aborted) await once(context.signal, 'abort');
      throw context.signal.reason;
  }
}

function end(call: RunningCall, error: unknown, { signal }: HandlerContext): unknown {
  if (error instanceof StubError) {
    call.outcome = 'missed';
    call.error = new ConnectError(error.message, error.code, undefined, undefined, error);
  } else {
    // An aborted wait is the caller's doing: what it is told is why its call was ended.
    call.outcome = signal.aborted ? 'abandoned' : 'failed';
    call.error = signal.aborted ? signal.reason : error;
  }
  return call.error;
}
