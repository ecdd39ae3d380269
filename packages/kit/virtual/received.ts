// Assertions about the calls of one RPC.

import { AssertionError } from 'node:assert';
import type { DescMethod, Registry } from '@bufbuild/protobuf';
import { formatValue, shorten } from '../base/format-value.ts';
import { streamsRequests } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { Call, CallOutcome } from './journal.ts';
import { compileRequests, type RequestLiteral } from './request-pattern.ts';

/** Assertions; each throws an AssertionError that lists what was received instead. */
export interface Received<M extends DescMethod> {
  /** The RPC was called exactly `count` times. */
  times(count: number): void;
  /** It was never called. */
  never(): void;
  /**
   * It was called at least once with such a request; what follows is about those calls alone. Where requests are a
   * stream: with such a request among them, or with exactly those of a list in this order.
   */
  with(match: RequestLiteral<M>): Received<M>;
  /** It was never called so. */
  neverWith(match: RequestLiteral<M>): void;
  /** At least one call has ended this way; what follows is about those calls alone. */
  ending(outcome: CallOutcome): Received<M>;
}

/** What was received of one RPC. */
export interface ReceivedCalls<M extends DescMethod> {
  readonly method: M;
  readonly calls: readonly Call<M>[];
  /** How many calls of the RPC the journal no longer has; with any, only `with` and `ending` can be answered. */
  readonly dropped: number;
  readonly registry: Registry;
}

const listedAtMost = 5;

/** Returns the assertions about what was received. */
export function createReceived<M extends DescMethod>(received: ReceivedCalls<M>, restriction = ''): Received<M> {
  const { method, calls, dropped, registry } = received;

  function select(match: unknown): Call<M>[] {
    const pattern = compileRequests(method, match, registry);
    return calls.filter(({ requests }) => pattern.differences(requests).length === 0);
  }

  function assertCount(selected: readonly Call<M>[], count: number, which: string): void {
    if (dropped > 0) {
      fail(
        `${nameOf(method)}: ${dropped} calls are no longer in the journal, so none can be counted; raise journalLimit`,
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
  const listed = calls.slice(0, listedAtMost).map((call, index) => {
    const sent = streamsRequests(call.method) ? call.requests : call.request;
    return `\n  ${index + 1}. ${call.outcome}: ${shorten(formatValue(sent))}`;
  });
  const rest = calls.length > listedAtMost ? `\n  and ${calls.length - listedAtMost} more` : '';
  return `; received:${listed.join('')}${rest}`;
}

function fail(message: string): never {
  throw new AssertionError({ message });
}
