// The matcher: finds what answers a call, among the stubs of a virtual service or the interactions of a contract, or explains why
// nothing does. Which of several answers a call that all of them accept is decided in specificity.ts.

import type { DescMethod } from '@bufbuild/protobuf';
import type { Code } from '@connectrpc/connect';
import { nameOf } from '../base/rpc-name.ts';
import { type Difference, joinDifferences, type NearestMatch } from './difference.ts';
import { type Choice, chooseMostSpecific, type Specificity } from './specificity.ts';

// Values of Code. A contract test that needs nothing else of Connect does not load it.
const UNIMPLEMENTED: Code = 12;
const INTERNAL: Code = 13;

/** A call cannot be answered as the test has it. The mistake is in the test, not in the caller. */
export class UnmatchedError extends Error {
  /** The code that the caller gets. */
  readonly code: Code;
  /** What nearly matched. */
  readonly nearest: NearestMatch | undefined;

  constructor(message: string, { code, nearest, ...options }: UnmatchedErrorOptions) {
    super(message, options);
    this.code = code;
    this.nearest = nearest;
  }
}

type UnmatchedErrorOptions = ErrorOptions & { readonly code: Code; readonly nearest?: NearestMatch | undefined };

/** What candidates of a kind are, and how errors speak of them. */
export type CandidateKind<C> = {
  specificityOf(candidate: C): Specificity;
  /** Returns what it matches, as text. */
  titleOf(candidate: C): string;
  /** Whether errors put its title into quotation marks. */
  readonly quotesTitles: boolean;
  /** Returns the candidate that answers in the place of equally specific ones; `undefined` if none may. Default: none may. */
  settle?(equal: readonly C[]): C | undefined;
  /** What is said of an RPC without candidates, such as `is not stubbed`. */
  readonly missing: string;
  /** Such as `no stub matches`. */
  readonly unmatched: string;
  /** What is said after the titles of two candidates. */
  readonly ambiguous: string;
};

/** Returns where a call differs from what a candidate accepts: nowhere if it accepts the call. */
export type Compare<C> = (candidate: C) => Difference[];

/** Matches calls with candidates of one kind. */
export class CallMatcher<C> {
  readonly #kind: CandidateKind<C>;

  constructor(kind: CandidateKind<C>) {
    this.#kind = kind;
  }

  /** Chooses the most specific of the candidates that accept a call. */
  choose(candidates: readonly C[], compare: Compare<C>): Choice<C> {
    const accepting = candidates.filter((candidate) => compare(candidate).length === 0);
    const choice = chooseMostSpecific(accepting, (candidate) => this.#kind.specificityOf(candidate));
    const settled = choice.kind === 'ambiguous' ? this.#kind.settle?.(choice.candidates) : undefined;
    return settled === undefined ? choice : { kind: 'one', candidate: settled };
  }

  /** Returns the error of a call that equally specific candidates accept: `internal`, naming two of them. */
  explainAmbiguous(method: DescMethod, equal: readonly C[]): UnmatchedError {
    const [first, second] = equal.map((candidate) => this.#shownTitleOf(candidate));
    const message = `${nameOf(method)}: both ${first} and ${second} ${this.#kind.ambiguous}`;
    return new UnmatchedError(message, { code: INTERNAL });
  }

  /** Returns the error of a call that no candidate accepts: `unimplemented`, with the nearest candidate and the differences. */
  explainUnmatched(method: DescMethod, candidates: readonly C[], compare: Compare<C>): UnmatchedError {
    const [nearest] = candidates
      .map((candidate) => ({ candidate, differences: compare(candidate) }))
      .sort((a, b) => a.differences.length - b.differences.length);
    if (!nearest) return new UnmatchedError(`${nameOf(method)} ${this.#kind.missing}`, { code: UNIMPLEMENTED });
    const { candidate, differences } = nearest;
    const reason = `nearest is ${this.#shownTitleOf(candidate)}, but ${joinDifferences(differences)}`;
    return new UnmatchedError(`${nameOf(method)}: ${this.#kind.unmatched}; ${reason}`, {
      code: UNIMPLEMENTED,
      nearest: { description: this.#kind.titleOf(candidate), differences },
    });
  }

  #shownTitleOf(candidate: C): string {
    const title = this.#kind.titleOf(candidate);
    return this.#kind.quotesTitles ? `"${title}"` : title;
  }
}
