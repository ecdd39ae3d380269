// Assertions about the calls of one RPC.

import { AssertionError } from 'node:assert';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { toConditions } from './conditions.ts';
import { formatValue, shorten } from './format-value.ts';
import type { Call } from './journal.ts';
import type { StubbableMethod } from './stub.ts';
import { nameOf } from './stub-book.ts';

/** Assertions; each throws an AssertionError that lists what was received instead. */
export interface Received<M extends StubbableMethod> {
  /** The RPC was called exactly `count` times. */
  times(count: number): void;
  /** It was never called. */
  never(): void;
  /** It was called at least once with such a request; what follows is about those calls alone. */
  with(match: MessageInitShape<M['input']>): Received<M>;
  /** It was never called with such a request. */
  neverWith(match: MessageInitShape<M['input']>): void;
}

const listedAtMost = 5;

/**
 * Returns the assertions about `calls`.
 *
 * @param dropped how many calls of the RPC the journal no longer has; with any, only `with` can be answered.
 */
export function createReceived<M extends StubbableMethod>(
  method: M,
  calls: readonly Call<M>[],
  dropped: number,
  restriction = '',
): Received<M> {
  function select(match: object): Call<M>[] {
    const conditions = toConditions(method.input, match);
    return calls.filter(({ request }) => conditions.every((condition) => condition.holds(request)));
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

  return {
    times: (count) => assertCount(calls, count, restriction),
    never: () => assertCount(calls, 0, restriction),
    with(match) {
      const selected = select(match as object);
      const which = ` with ${shorten(formatValue(match))}`;
      if (selected.length === 0) fail(`${nameOf(method)} was not called${which}${listCalls(calls)}`);
      return createReceived(method, selected, dropped, `${restriction}${which}`);
    },
    neverWith: (match) => assertCount(select(match as object), 0, ` with ${shorten(formatValue(match))}`),
  };
}

function countOf(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function listCalls(calls: readonly Call[]): string {
  if (calls.length === 0) return '; it was not called at all';
  const listed = calls
    .slice(0, listedAtMost)
    .map(({ request }, index) => `\n  ${index + 1}. ${shorten(formatValue(request))}`);
  const rest = calls.length > listedAtMost ? `\n  and ${calls.length - listedAtMost} more` : '';
  return `; received:${listed.join('')}${rest}`;
}

function fail(message: string): never {
  throw new AssertionError({ message });
}
