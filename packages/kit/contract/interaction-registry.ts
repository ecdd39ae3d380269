// The interactions that a mock provider or a stub server answers with: matches each call with one of them, or explains why
// none matches. Which one answers a call that several accept is decided in matching/specificity.ts.

import { isDeepStrictEqual } from 'node:util';
import type { DescMethod, Message, Registry } from '@bufbuild/protobuf';
import { streamsRequests } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import { keyOf, type RpcInteraction, titleOf } from '../contract-file/interaction.ts';
import { type Difference, differencesWithin, elementPath } from '../matching/difference.ts';
import { excludes } from '../matching/excludes.ts';
import { matchHeaders } from '../matching/header-pattern.ts';
import { CallMatcher, type UnmatchedError } from '../matching/match-call.ts';
import { matchMessage } from '../matching/match-message.ts';
import { type Specificity, specificityOf, specificityOfHeaders, sumSpecificity } from '../matching/specificity.ts';
import { matchDeadline } from './deadline.ts';

/** A call with the requests received so far. */
export type IncomingCall = {
  readonly method: DescMethod;
  readonly requests: readonly Message[];
  readonly header: Pick<Headers, 'get'>;
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
  readonly #matcher = new CallMatcher<RpcInteraction>({
    specificityOf: specificityOfInteraction,
    titleOf,
    quotesTitles: true,
    settle: (equal) => this.#settle(equal),
    missing: 'has no interaction',
    unmatched: 'no interaction accepts this call',
    ambiguous: 'accept this call, and answer it differently; if the test of one is gone or renamed, prune the contract',
  });
  #exercised = new Set<RpcInteraction>();
  #unmatched: string[] = [];
  #interactions: readonly RpcInteraction[] = [];
  #byMethod: ReadonlyMap<string, readonly RpcInteraction[]> = new Map();
  readonly #headersByMethod = new Map<string, readonly string[]>();
  #prefersGiven = false;

  constructor(interactions: readonly RpcInteraction[], options: RegistryOptions) {
    this.#options = options;
    this.use(interactions, options.prefersGiven);
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
    // A list of its own: the memory of answers sees by it that they may have changed.
    this.#interactions = [...interactions];
    this.#byMethod = Map.groupBy(interactions, ({ method }) => nameOf(method));
    this.#headersByMethod.clear();
    this.#prefersGiven = prefersGiven;
  }

  /**
   * Returns the most specific of the interactions that accept a complete call.
   *
   * @throws {UnmatchedError} `unimplemented`: no interaction accepts the call, names the nearest and the differences; `internal`: two
   *   equally specific ones do, names both.
   */
  match(call: IncomingCall): RpcInteraction {
    const compare = (interaction: RpcInteraction) => this.#differences(interaction, call, 'complete');
    const choice = this.#matcher.choose(this.#plausible(call), compare);
    if (choice.kind === 'none') {
      throw this.#recorded(this.#matcher.explainUnmatched(call.method, this.#ofMethod(call.method), compare));
    }
    if (choice.kind === 'ambiguous') {
      throw this.#recorded(this.#matcher.explainAmbiguous(call.method, choice.candidates));
    }
    this.#exercised.add(choice.candidate);
    return choice.candidate;
  }

  /** Returns the interaction that `match` would return; `undefined`, without recording the call, where `match` throws. */
  tryMatch(call: IncomingCall): RpcInteraction | undefined {
    const choice = this.#matcher.choose(this.#plausible(call), (interaction) =>
      this.#differences(interaction, call, 'complete'),
    );
    if (choice.kind !== 'one') return undefined;
    this.#exercised.add(choice.candidate);
    return choice.candidate;
  }

  /** Records that an interaction has answered a call, one that was equal to a call that it had matched. */
  recordExercised(interaction: RpcInteraction): void {
    this.#exercised.add(interaction);
  }

  /** Returns the names of the headers that decide, with the request, which interaction accepts a call of this RPC. */
  headersThatDecide(method: DescMethod): readonly string[] {
    const name = nameOf(method);
    const known = this.#headersByMethod.get(name);
    if (known) return known;
    const named = this.#ofMethod(method).flatMap(({ metadata }) => Object.keys(metadata));
    const names = [...new Set([...named, ...(this.#options.ignoresDeadline ? [] : DEADLINE_HEADERS)])];
    this.#headersByMethod.set(name, names);
    return names;
  }

  /**
   * Returns the interaction that a call will match, while its requests are arriving; `undefined` when that depends on further requests.
   *
   * @throws {UnmatchedError} `unimplemented`: it can no longer match any; `internal`: it can only match several.
   */
  matchPartially(call: IncomingCall): RpcInteraction | undefined {
    const compare = (interaction: RpcInteraction) => this.#differences(interaction, call, 'incomplete');
    const possible = this.#plausible(call).filter((interaction) => compare(interaction).length === 0);
    const [first, ...others] = possible;
    if (!first) {
      throw this.#recorded(this.#matcher.explainUnmatched(call.method, this.#ofMethod(call.method), compare));
    }
    // A caller may wait for an answer before it sends more, so what further requests cannot tell is decided now.
    if (!others.every(({ requests }) => isDeepStrictEqual(requests, first.requests))) return undefined;
    const choice = this.#matcher.choose(possible, () => []);
    if (choice.kind === 'one') return choice.candidate;
    throw this.#recorded(this.#matcher.explainAmbiguous(call.method, possible));
  }

  /** Returns the interactions that no call has matched. */
  unexercised(): RpcInteraction[] {
    return this.#interactions.filter((interaction) => !this.#exercised.has(interaction));
  }

  /** Records the error of a call that was refused before it could be matched. */
  recordRefused(message: string): void {
    if (this.#unmatched.length < MAX_UNMATCHED) this.#unmatched.push(message);
  }

  /** Returns the error of each call that was refused or matched no interaction, or more than one, in the order they came. */
  unmatchedRequests(): readonly string[] {
    return this.#unmatched;
  }

  #settle(equal: readonly RpcInteraction[]): RpcInteraction | undefined {
    const most = Math.max(...equal.map(({ states }) => states.length));
    const left = this.#prefersGiven ? equal.filter(({ states }) => states.length === most) : equal;
    const [first, ...others] = left;
    // A renamed test leaves the same interaction under its old name. Either may answer.
    const isSame = (other: RpcInteraction) => isDeepStrictEqual({ ...other, description: first?.description }, first);
    return others.every(isSame) ? first : undefined;
  }

  #ofMethod(method: DescMethod): readonly RpcInteraction[] {
    return this.#byMethod.get(nameOf(method)) ?? [];
  }

  /** Without those that a quick look excludes. */
  #plausible({ method, requests }: IncomingCall): RpcInteraction[] {
    return this.#ofMethod(method).filter((interaction) =>
      interaction.requests.every((pattern, index) => !requests[index] || !excludes(pattern, requests[index])),
    );
  }

  #differences(interaction: RpcInteraction, call: IncomingCall, extent: Extent): Difference[] {
    const { metadata, deadline } = interaction;
    return [
      ...matchRequests(interaction, call.requests, extent, this.#options.registry),
      ...matchHeaders(metadata, (name) => call.header.get(name), 'metadata'),
      ...(this.#options.ignoresDeadline ? [] : matchDeadline(deadline, call.header)),
    ];
  }

  #recorded(error: UnmatchedError): UnmatchedError {
    this.recordRefused(error.message);
    return error;
  }
}

type Extent = 'complete' | 'incomplete';

const DEADLINE_HEADERS = ['connect-timeout-ms', 'grpc-timeout'];

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
