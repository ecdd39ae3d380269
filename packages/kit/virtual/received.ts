// Assertions about the calls that one RPC received.

import { AssertionError } from 'node:assert';
import type { DescMethod, Registry } from '@bufbuild/protobuf';
import { formatValue, shorten } from '../base/format-value.ts';
import { streamsRequests } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { Call, CallOutcome } from './journal.ts';
import { compileRequests, type RequestLiteral } from './request-pattern.ts';

/** Assertions about the calls of an RPC. Each throws an AssertionError that lists the calls received instead. */
export type Received<M extends DescMethod> = {
  /** The RPC was called exactly `count` times. */
  times(count: number): void;
  /** It was never called. */
  never(): void;
  /**
   * It was called at least once with such a request. The assertions of the result consider only those calls. If requests are a
   * stream, a literal matches calls with such a request among theirs, a list those with exactly these requests in this order.
   */
  with(match: RequestLiteral<M>): Received<M>;
  /** It was never called with such a request. */
  neverWith(match: RequestLiteral<M>): void;
  /** At least one call ended with this outcome. The assertions of the result consider only those calls. */
  ending(outcome: CallOutcome): Received<M>;
};

/** The received calls of an RPC. */
export type ReceivedCalls<M extends DescMethod> = {
  readonly method: M;
  readonly calls: readonly Call<M>[];
  /** How many calls the journal has dropped. If there are any, assertions that count fail. */
  readonly dropped: number;
  readonly registry: Registry;
};

const MAX_LISTED = 5;

/** Creates the assertions about the received calls. */
export function createReceived<M extends DescMethod>(received: ReceivedCalls<M>, restriction = ''): Received<M> {
  const { method, calls, dropped, registry } = received;

  function select(match: unknown): Call<M>[] {
    const pattern = compileRequests(method, match, registry);
    return calls.filter(({ requests }) => pattern.differences(requests).length === 0);
  }

  function assertCount(selected: readonly Call<M>[], count: number, which: string): void {
    if (dropped > 0) {
      fail(
        `${nameOf(method)}: the journal has dropped ${dropped} calls, so they cannot be counted; raise journalLimit`,
      );
    }
    if (selected.length === count) return;
    fail(`${nameOf(method)} was called ${countOf(selected.length)}${which}, not ${countOf(count)}${listCalls(calls)}`);
  }

  function narrow(selected: readonly Call<M>[], which: string): Received<M> {
    if (selected.length === 0) fail(`${nameOf(method)} was not called${which}${listCalls(calls)}`);
    return createReceived({ ...received, calls: selected }, `${restriction}${which}`);
  }

  return {
    times: (count) => assertCount(calls, count, restriction),
    never: () => assertCount(calls, 0, restriction),
    with: (match) => narrow(select(match), withOf(match)),
    neverWith: (match) => assertCount(select(match), 0, withOf(match)),
    ending: (outcome) =>
      narrow(
        calls.filter((call) => call.outcome === outcome),
        ` and ${outcome}`,
      ),
  };
}

function withOf(match: unknown): string {
  return ` with ${shorten(formatValue(match))}`;
}

function countOf(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function listCalls(calls: readonly Call[]): string {
  if (calls.length === 0) return '; it was not called at all';
  const listed = calls.slice(0, MAX_LISTED).map((call, index) => {
    const sent = streamsRequests(call.method) ? call.requests : call.request;
    return `\n  ${index + 1}. ${call.outcome}: ${shorten(formatValue(sent))}`;
  });
  const rest = calls.length > MAX_LISTED ? `\n  and ${calls.length - MAX_LISTED} more` : '';
  return `; received:${listed.join('')}${rest}`;
}

function fail(message: string): never {
  throw new AssertionError({ message });
}
