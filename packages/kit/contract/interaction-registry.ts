// The interactions that a stand-in for the provider answers with: finds the one a call is for, or says why none is.

import type { DescMethod, Message, Registry } from '@bufbuild/protobuf';
import { nameOf } from '../base/rpc-name.ts';
import { keyOf, type RpcInteraction, titleOf } from '../contract-file/interaction.ts';
import { type Difference, elementPath, fieldPath, joinDifferences } from '../matching/difference.ts';
import { countOpenHeaders, matchHeaders } from '../matching/header-pattern.ts';
import { matchMessage } from '../matching/match-message.ts';
import { countOpenPlaces } from '../matching/pattern.ts';
import { matchDeadline } from './deadline.ts';

/** There is no one interaction that a call is for: none, with the nearest and what differs, or two, with their names. */
export class NoInteractionError extends Error {
  readonly isAmbiguous: boolean;

  constructor(message: string, isAmbiguous: boolean) {
    super(message);
    this.isAmbiguous = isAmbiguous;
  }
}

/** A call as far as it has come. */
export interface IncomingCall {
  readonly method: DescMethod;
  readonly requests: readonly Message[];
  readonly header: Pick<Headers, 'get'>;
}

/** What a whole call is for. */
export interface Decision {
  /** The interactions that accept the requests, whatever the headers are. */
  readonly candidates: readonly RpcInteraction[];
  /** The one of them that answers. */
  readonly chosen: RpcInteraction;
}

interface BookOptions {
  readonly registry: Registry;
  /** Whether a call without the deadline that is expected finds its interaction nevertheless. */
  readonly ignoresDeadline?: boolean;
}

/** Interactions, and what became of the calls that looked for one. */
export class InteractionBook {
  readonly #options: BookOptions;
  #exercised = new Set<RpcInteraction>();
  #misses: string[] = [];
  #interactions: readonly RpcInteraction[];

  constructor(interactions: readonly RpcInteraction[], options: BookOptions) {
    this.#interactions = interactions;
    this.#options = options;
  }

  /** Knows the messages that may be in a `google.protobuf.Any`. */
  get registry(): Registry {
    return this.#options.registry;
  }

  /** The interactions it answers with: another list after each `use`. */
  get interactions(): readonly RpcInteraction[] {
    return this.#interactions;
  }

  /** Has no interaction from now on, and none of the calls before. */
  clear(): void {
    this.use([]);
    this.#exercised = new Set();
    this.#misses = [];
  }

  /** Answers with these interactions from now on. */
  use(interactions: readonly RpcInteraction[]): void {
    this.#interactions = interactions;
  }

  /**
   * Returns what a whole call is for: of the interactions that accept it, the one that leaves the fewest values open.
   *
   * @throws NoInteractionError when there is none, naming the nearest one and what differs; when two accept the call and
   *   none is more specific, naming both.
   */
  choose(call: IncomingCall): Decision {
    const candidates = this.#accepting(call);
    const [best, second] = this.#rank(candidates, call.header);
    if (!best) throw this.#miss(call, 'whole');
    if (second && areEquallyOpen(best, second)) {
      throw this.#note(
        `${nameOf(call.method)}: both "${titleOf(best)}" and "${titleOf(second)}" accept this call`,
        true,
      );
    }
    this.#exercised.add(best);
    return { candidates, chosen: best };
  }

  /** Returns the interaction that a whole call is for; `undefined` where `choose` throws, and nothing is noted then. */
  find(call: IncomingCall): RpcInteraction | undefined {
    return this.chooseAgain(this.#accepting(call), call.header);
  }

  /**
   * Chooses again for a call with the same requests and maybe other headers; `undefined` where there is no one choice.
   *
   * @param candidates those that `choose` found for the requests.
   */
  chooseAgain(candidates: readonly RpcInteraction[], header: IncomingCall['header']): RpcInteraction | undefined {
    const [best, second] = this.#rank(candidates, header);
    if (!best || (second && areEquallyOpen(best, second))) return undefined;
    this.#exercised.add(best);
    return best;
  }

  /**
   * Returns the interaction that a stream which is still open can only be for; `undefined` when it may be for several.
   *
   * @throws NoInteractionError when it can be for none.
   */
  foresee(call: IncomingCall): RpcInteraction | undefined {
    const [only, ...others] = this.#ofMethod(call.method).filter(
      (interaction) => this.#differences(interaction, call, 'beginning').length === 0,
    );
    if (!only) throw this.#miss(call, 'beginning');
    return others.length === 0 ? only : undefined;
  }

  /** Returns the interactions that no call was for. */
  untouched(): RpcInteraction[] {
    return this.#interactions.filter((interaction) => !this.#exercised.has(interaction));
  }

  /** Returns why calls found no interaction, or more than one, in the order they came. */
  misses(): readonly string[] {
    return this.#misses;
  }

  #accepting({ method, requests }: IncomingCall): RpcInteraction[] {
    return this.#ofMethod(method).filter(
      (interaction) => matchRequests(interaction, requests, 'whole', this.#options.registry).length === 0,
    );
  }

  // Those that accept the headers too, the one that leaves the fewest values open first.
  #rank(candidates: readonly RpcInteraction[], header: IncomingCall['header']): RpcInteraction[] {
    return candidates
      .filter((interaction) => this.#differencesOfHeader(interaction, header).length === 0)
      .sort((a, b) => openPlacesOf(a) - openPlacesOf(b));
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

  #miss(call: IncomingCall, extent: Extent): NoInteractionError {
    const name = nameOf(call.method);
    const [nearest] = this.#ofMethod(call.method)
      .map((interaction) => ({ interaction, differences: this.#differences(interaction, call, extent) }))
      .sort((a, b) => a.differences.length - b.differences.length);
    if (!nearest) return this.#note(`${name} has no interaction`, false);
    const differences = joinDifferences(nearest.differences);
    return this.#note(
      `${name}: no interaction accepts this call; nearest is "${titleOf(nearest.interaction)}", but ${differences}`,
      false,
    );
  }

  #note(message: string, isAmbiguous: boolean): NoInteractionError {
    if (this.#misses.length < mostMisses) this.#misses.push(message);
    return new NoInteractionError(message, isAmbiguous);
  }
}

type Extent = 'whole' | 'beginning';

// A client that retries for ever must not fill the memory with what it is told each time.
const mostMisses = 1000;

function matchRequests(
  { method, requests: patterns }: RpcInteraction,
  requests: readonly Message[],
  extent: Extent,
  registry: Registry,
): Difference[] {
  const match = (pattern: (typeof patterns)[number], request: Message) =>
    matchMessage(method.input, pattern, request, { isClosed: true, registry });
  if (method.methodKind === 'unary' || method.methodKind === 'server_streaming') {
    return patterns.flatMap((pattern, index) => (requests[index] ? match(pattern, requests[index]) : []));
  }
  const isWrongSize = extent === 'whole' ? requests.length !== patterns.length : requests.length > patterns.length;
  const size = { path: 'requests', expected: `${patterns.length} messages`, actual: `${requests.length}` };
  const differences = requests.flatMap((request, index) => {
    const pattern = patterns[index];
    const found = pattern ? match(pattern, request) : [];
    return found.map(({ path, ...rest }) => ({ path: within(elementPath('requests', index), path), ...rest }));
  });
  return [...(isWrongSize ? [size] : []), ...differences];
}

function within(outer: string, inner: string): string {
  return inner === '' ? outer : fieldPath(outer, inner);
}

function areEquallyOpen(a: RpcInteraction, b: RpcInteraction): boolean {
  return openPlacesOf(a) === openPlacesOf(b);
}

function openPlacesOf({ requests, metadata }: RpcInteraction): number {
  return requests.reduce((sum, pattern) => sum + countOpenPlaces(pattern), countOpenHeaders(metadata));
}

/** Returns the names that stand for more than one of these interactions. */
export function findRepeats(interactions: readonly RpcInteraction[]): string[] {
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
