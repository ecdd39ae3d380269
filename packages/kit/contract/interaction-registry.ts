// The interactions that a mock provider or a stub server answers with: matches each call with one of them, or explains why
// none matches. Which one answers a call that several accept is decided in matching/specificity.ts.

import { isDeepStrictEqual } from 'node:util';
import type { DescMethod, Message, Registry } from '@bufbuild/protobuf';
import { streamsRequests } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import { keyOf, type RpcInteraction, titleOf } from '../contract-file/interaction.ts';
import {
  type Difference,
  differencesWithin,
  elementPath,
  joinDifferences,
  type NearestMatch,
} from '../matching/difference.ts';
import { matchHeaders } from '../matching/header-pattern.ts';
import { matchMessage } from '../matching/match-message.ts';
import {
  type Choice,
  chooseMostSpecific,
  type Specificity,
  specificityOf,
  specificityOfHeaders,
  sumSpecificity,
} from '../matching/specificity.ts';
import { matchDeadline } from './deadline.ts';

/** A call matches no interaction (names the nearest and the differences), or two equally specific ones (names both). */
export class NoInteractionError extends Error {
  readonly isAmbiguous: boolean;
  /** The interaction that nearly matched. */
  readonly nearest: NearestMatch | undefined;

  constructor(message: string, isAmbiguous: boolean, nearest?: NearestMatch) {
    super(message);
    this.isAmbiguous = isAmbiguous;
    this.nearest = nearest;
  }
}

/** A call with the requests received so far. */
export type IncomingCall = {
  readonly method: DescMethod;
  readonly requests: readonly Message[];
  readonly header: Pick<Headers, 'get'>;
};

/** The match of a complete call. */
export type Match = {
  /** The interactions that accept the requests, whatever the headers are. */
  readonly candidates: readonly RpcInteraction[];
  /** The one that answers. */
  readonly interaction: RpcInteraction;
};

type RegistryOptions = {
  readonly registry: Registry;
  /** Whether a call matches an interaction without the deadline that the interaction expects. */
  readonly ignoresDeadline?: boolean;
  /** Whether the interactions are those of selected states: then one that is given a state precedes one that is given none. */
  readonly prefersGiven?: boolean;
};

/** Interactions, with the record of which were exercised and which calls were unmatched. */
export class InteractionRegistry {
  readonly #options: RegistryOptions;
  #exercised = new Set<RpcInteraction>();
  #unmatched: string[] = [];
  #interactions: readonly RpcInteraction[];
  #prefersGiven: boolean;

  constructor(interactions: readonly RpcInteraction[], options: RegistryOptions) {
    this.#interactions = interactions;
    this.#prefersGiven = options.prefersGiven ?? false;
    this.#options = options;
  }

  /** The message types that a `google.protobuf.Any` may hold. */
  get registry(): Registry {
    return this.#options.registry;
  }

  /** The interactions it answers with: another list after each `use`. */
  get interactions(): readonly RpcInteraction[] {
    return this.#interactions;
  }

  /** Removes all interactions, and the records of earlier calls. */
  clear(): void {
    this.use([]);
    this.#exercised = new Set();
    this.#unmatched = [];
  }

  /** Answers with these interactions from now on. */
  use(interactions: readonly RpcInteraction[], prefersGiven = false): void {
    this.#interactions = interactions;
    this.#prefersGiven = prefersGiven;
  }

  /**
   * Matches a complete call with the most specific of the interactions that accept it.
   *
   * @throws {NoInteractionError} No interaction accepts the call, or two equally specific ones do.
   */
  match(call: IncomingCall): Match {
    const candidates = this.#accepting(call);
    const choice = this.#choose(candidates, call.header);
    if (choice.kind === 'none') throw this.#unmatchedError(call, 'complete');
    if (choice.kind === 'ambiguous') {
      const [first, second] = choice.candidates.map((interaction) => `"${titleOf(interaction)}"`);
      const reason = `both ${first} and ${second} accept this call, and answer it differently`;
      const advice = 'if the test of one is gone or renamed, prune the contract';
      throw this.#recordUnmatched(`${nameOf(call.method)}: ${reason}; ${advice}`, true);
    }
    this.#exercised.add(choice.candidate);
    return { candidates, interaction: choice.candidate };
  }

  /** Returns the interaction that `match` would return; `undefined`, without recording the call, where `match` throws. */
  tryMatch(call: IncomingCall): RpcInteraction | undefined {
    return this.rematch(this.#accepting(call), call.header);
  }

  /**
   * Matches a call whose requests are known to match, by its headers; `undefined` when no single interaction matches.
   *
   * @param candidates the candidates of the earlier match with the same requests.
   */
  rematch(candidates: readonly RpcInteraction[], header: IncomingCall['header']): RpcInteraction | undefined {
    const choice = this.#choose(candidates, header);
    if (choice.kind !== 'one') return undefined;
    this.#exercised.add(choice.candidate);
    return choice.candidate;
  }

  /**
   * Returns the only interaction that a call can still match while its requests are arriving; `undefined` when there are several.
   *
   * @throws {NoInteractionError} It can no longer match any.
   */
  matchPartially(call: IncomingCall): RpcInteraction | undefined {
    const [only, ...rest] = this.#ofMethod(call.method).filter(
      (interaction) => this.#differences(interaction, call, 'incomplete').length === 0,
    );
    if (!only) throw this.#unmatchedError(call, 'incomplete');
    return rest.length === 0 ? only : undefined;
  }

  /** Returns the interactions that no call has matched. */
  unexercised(): RpcInteraction[] {
    return this.#interactions.filter((interaction) => !this.#exercised.has(interaction));
  }

  /** Returns the error of each call that matched no interaction, or more than one, in the order they came. */
  unmatchedRequests(): readonly string[] {
    return this.#unmatched;
  }

  #accepting({ method, requests }: IncomingCall): RpcInteraction[] {
    return this.#ofMethod(method).filter(
      (interaction) => matchRequests(interaction, requests, 'complete', this.#options.registry).length === 0,
    );
  }

  #choose(candidates: readonly RpcInteraction[], header: IncomingCall['header']): Choice<RpcInteraction> {
    const accepting = candidates.filter((interaction) => this.#differencesOfHeader(interaction, header).length === 0);
    const choice = chooseMostSpecific(accepting, specificityOfInteraction);
    return choice.kind === 'ambiguous' ? this.#settle(choice) : choice;
  }

  #settle(choice: Choice<RpcInteraction> & { kind: 'ambiguous' }): Choice<RpcInteraction> {
    const most = Math.max(...choice.candidates.map(({ states }) => states.length));
    const left = this.#prefersGiven
      ? choice.candidates.filter(({ states }) => states.length === most)
      : choice.candidates;
    const [first, ...others] = left;
    // A renamed test leaves the same interaction under its old name. Either may answer.
    const isSettled =
      first && others.every((other) => isDeepStrictEqual({ ...other, description: first.description }, first));
    return isSettled ? { kind: 'one', candidate: first } : choice;
  }

  #ofMethod(method: DescMethod): RpcInteraction[] {
    return this.#interactions.filter((interaction) => nameOf(interaction.method) === nameOf(method));
  }

  #differences(interaction: RpcInteraction, call: IncomingCall, extent: Extent): Difference[] {
    return [
      ...matchRequests(interaction, call.requests, extent, this.#options.registry),
      ...this.#differencesOfHeader(interaction, call.header),
    ];
  }

  #differencesOfHeader({ metadata, deadline }: RpcInteraction, header: IncomingCall['header']): Difference[] {
    return [
      ...matchHeaders(metadata, (name) => header.get(name), 'metadata'),
      ...(this.#options.ignoresDeadline ? [] : matchDeadline(deadline, header)),
    ];
  }

  #unmatchedError(call: IncomingCall, extent: Extent): NoInteractionError {
    const name = nameOf(call.method);
    const [nearest] = this.#ofMethod(call.method)
      .map((interaction) => ({ interaction, differences: this.#differences(interaction, call, extent) }))
      .sort((a, b) => a.differences.length - b.differences.length);
    if (!nearest) return this.#recordUnmatched(`${name} has no interaction`, false);
    const title = titleOf(nearest.interaction);
    const differences = joinDifferences(nearest.differences);
    return this.#recordUnmatched(
      `${name}: no interaction accepts this call; nearest is "${title}", but ${differences}`,
      false,
      { description: title, differences: nearest.differences },
    );
  }

  #recordUnmatched(message: string, isAmbiguous: boolean, nearest?: NearestMatch): NoInteractionError {
    if (this.#unmatched.length < MAX_UNMATCHED) this.#unmatched.push(message);
    return new NoInteractionError(message, isAmbiguous, nearest);
  }
}

type Extent = 'complete' | 'incomplete';

// Without a limit, a client that retries for ever would fill the memory.
const MAX_UNMATCHED = 1000;

function matchRequests(
  { method, requests: patterns }: RpcInteraction,
  requests: readonly Message[],
  extent: Extent,
  registry: Registry,
): Difference[] {
  const match = (pattern: (typeof patterns)[number], request: Message) =>
    matchMessage(method.input, pattern, request, { isClosed: true, registry });
  if (!streamsRequests(method)) {
    return patterns.flatMap((pattern, index) => (requests[index] ? match(pattern, requests[index]) : []));
  }
  const isWrongSize = extent === 'complete' ? requests.length !== patterns.length : requests.length > patterns.length;
  const size = { path: 'requests', expected: `${patterns.length} messages`, actual: `${requests.length}` };
  const differences = requests.flatMap((request, index) => {
    const pattern = patterns[index];
    return pattern ? differencesWithin(elementPath('requests', index), match(pattern, request)) : [];
  });
  return [...(isWrongSize ? [size] : []), ...differences];
}

// As in matchRequests, fields that an interaction does not mention have to be unset.
function specificityOfInteraction({ method, requests, metadata }: RpcInteraction): Specificity {
  const ofRequests = requests.map((pattern) => specificityOf(method.input, pattern, { isClosed: true }));
  return sumSpecificity([...ofRequests, specificityOfHeaders(metadata)]);
}

/** Returns the titles that more than one of these interactions has. */
export function findDuplicates(interactions: readonly RpcInteraction[]): string[] {
  const seen = new Set<string>();
  return interactions.flatMap((interaction) => {
    const key = keyOf(interaction);
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    return [titleOf(interaction)];
  });
}
