// The stubs of a virtual service: takes them in, and chooses the one that a call is for, or explains why none is.

import type { DescMethod, Message, Registry } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { shorten } from '../base/format-value.ts';
import { nameOf } from '../base/rpc-name.ts';
import { type Difference, joinDifferences } from '../matching/difference.ts';
import { chooseMostSpecific, ONE_FIXED, type Specificity, sumSpecificity } from '../matching/specificity.ts';
import { isIterable, toMessage } from './read-literal.ts';
import { compileRequests, isSamePattern, type RequestPattern } from './request-pattern.ts';
import type { Step } from './step.ts';
import type { StubDraft } from './stub.ts';

/** A miss or an ambiguity: the test is at fault, not the caller. */
export class StubError extends Error {
  /** What the caller is answered. */
  readonly code: Code;

  constructor(message: string, { code, ...options }: ErrorOptions & { code: Code }) {
    super(message, options);
    this.code = code;
  }
}

/** Stubs by RPC, and the state they go by. */
export class StubBook {
  /** The state that the service is in. */
  state: string;
  readonly #registry: Registry;
  readonly #firstState: string;
  readonly #entries = new Map<DescMethod, StubEntry[]>();

  /** @param registry knows the types that messages may hold in a `google.protobuf.Any`. */
  constructor(registry: Registry, firstState: string) {
    this.#registry = registry;
    this.#firstState = firstState;
    this.state = firstState;
  }

  /**
   * Begins a stub. It counts from its first step on; it then takes the place of a stub of the same RPC for the very same
   * requests and states.
   *
   * @throws LiteralError when `match` is no literal of the request.
   */
  open(method: DescMethod, match: unknown): StubDraft {
    const pattern = compileRequests(method, match, this.#registry);
    if (method.methodKind === 'bidi_streaming' && Array.isArray(match)) {
      throw new TypeError(`${nameOf(method)}: stubs of a conversation are for one message each, not for a list`);
    }
    return new StubEntry(method, pattern, {
      check: (step) => checkReply(method, step, this.#registry),
      onFirstStep: (entry) => this.#add(entry),
    });
  }

  /**
   * Returns the step for this call of the most specific stub that matches; `undefined` when none does.
   *
   * @throws StubError `internal` when two match and neither is more specific, naming both; `unimplemented` when the one
   *   that matches has done all it was told to.
   */
  find(method: DescMethod, requests: readonly Message[]): Step | undefined {
    const matching = this.#of(method).filter((entry) => entry.differences(requests, this.state).length === 0);
    const choice = chooseMostSpecific(matching, ({ specificity }) => specificity);
    if (choice.kind === 'none') return undefined;
    if (choice.kind === 'ambiguous') {
      const [first, second] = choice.candidates;
      throw new StubError(`${nameOf(method)}: both ${first.name} and ${second.name} match`, { code: Code.Internal });
    }
    const step = choice.candidate.take();
    if (step.nextState !== undefined) this.state = step.nextState;
    return step;
  }

  /** Returns why no stub is for this call: the nearest one, and what differs. */
  explainMiss(method: DescMethod, requests: readonly Message[]): string {
    const [nearest] = this.#of(method)
      .map((entry) => ({ entry, differences: entry.differences(requests, this.state) }))
      .sort((a, b) => a.differences.length - b.differences.length);
    if (!nearest) return `${nameOf(method)} is not stubbed`;
    const differences = joinDifferences(nearest.differences);
    return `${nameOf(method)}: no stub matches; nearest is ${nearest.entry.name}, but ${differences}`;
  }

  /** Returns the next step of the stub that leads whole conversations of this RPC, where there is one. */
  findScript(method: DescMethod): Step | undefined {
    return this.#of(method).some(({ isScript }) => isScript) ? this.find(method, []) : undefined;
  }

  /** Forgets all stubs, and goes back to the first state. */
  clear(): void {
    this.#entries.clear();
    this.state = this.#firstState;
  }

  #of(method: DescMethod): readonly StubEntry[] {
    return this.#entries.get(method) ?? [];
  }

  #add(entry: StubEntry): void {
    const others = this.#of(entry.method).filter((other) => !other.isFor(entry));
    const script = [entry, ...others].find(({ isScript }) => isScript);
    if (script && others.length > 0) {
      throw new TypeError(`${script.name} leads whole conversations: no other stub can be beside it`);
    }
    if (entry.isScript && entry.isPicky) {
      throw new TypeError(`${entry.name} leads whole conversations: it cannot be for some messages`);
    }
    this.#entries.set(entry.method, [...others, entry]);
  }
}

/** What a stub needs of its book. */
interface EntryPort {
  check(step: Step): void;
  onFirstStep(entry: StubEntry): void;
}

/** One stub: the requests and states it is for, and its steps for the calls that are. */
class StubEntry implements StubDraft {
  readonly method: DescMethod;
  readonly #pattern: RequestPattern;
  readonly #port: EntryPort;
  readonly #steps: Step[] = [];
  #states: readonly string[] = [];
  #calls = 0;

  constructor(method: DescMethod, pattern: RequestPattern, port: EntryPort) {
    this.method = method;
    this.#pattern = pattern;
    this.#port = port;
  }

  get name(): string {
    const { name } = this.method;
    const stated = this.#pattern.statements.map(({ path, expected }) => `${path}: ${shorten(expected)}`);
    const stub = stated.length === 0 ? `stub(${name})` : `stub(${name}, { ${stated.join(', ')} })`;
    return this.#states.length === 0 ? stub : `${stub}.when(${quote(this.#states).join(', ')})`;
  }

  /** A state counts as a fixed value. */
  get specificity(): Specificity {
    const { specificity } = this.#pattern;
    return this.#states.length === 0 ? specificity : sumSpecificity([specificity, ONE_FIXED]);
  }

  /** Whether it is for certain requests only. */
  get isPicky(): boolean {
    return this.#pattern.statements.length > 0;
  }

  get isScript(): boolean {
    return this.#steps[0]?.action.kind === 'converse';
  }

  restrict(states: readonly string[]): void {
    if (this.#steps.length > 0) throw new TypeError(`${this.name}: when() comes before what the stub does`);
    this.#states = [...new Set(states)].sort();
  }

  addStep(step: Step): void {
    this.#port.check(step);
    if (this.#steps.length > 0) this.#refuseMixture(step);
    this.#steps.push(step);
    if (this.#steps.length === 1) this.#port.onFirstStep(this);
  }

  amend(change: Partial<Step>): void {
    const last = this.#steps.at(-1);
    if (last) this.#steps[this.#steps.length - 1] = { ...last, ...change };
  }

  // What was chosen for one message cannot go on as a whole conversation, nor the other way round.
  #refuseMixture({ action }: Step): void {
    const isForMessage = action.kind === 'reply' && typeof action.reply === 'function';
    if (this.isScript ? isForMessage : action.kind === 'converse') {
      throw new TypeError(`${this.name} cannot both lead conversations and answer single messages`);
    }
  }

  /** Tells whether another stub is for the very same requests and states. */
  isFor(other: StubEntry): boolean {
    return isSamePattern(this.#pattern, other.#pattern) && this.#states.join('\n') === other.#states.join('\n');
  }

  differences(requests: readonly Message[], state: string): Difference[] {
    const differences = this.#pattern.differences(requests);
    if (this.#states.length === 0 || this.#states.includes(state)) return differences;
    return [
      { path: 'state', expected: quote(this.#states).join(' or '), actual: JSON.stringify(state) },
      ...differences,
    ];
  }

  /** Returns the step for the next call. @throws StubError when it was told how often, and that was it. */
  take(): Step {
    let left = this.#calls;
    this.#calls += 1;
    for (const step of this.#steps) {
      const { times = 1 } = step;
      if (left < times) return step;
      left -= times;
    }
    const last = this.#steps.at(-1);
    if (last && last.times === undefined) return last;
    const told = this.#steps.reduce((sum, { times = 1 }) => sum + times, 0);
    throw new StubError(
      `${nameOf(this.method)}: ${this.name} was to answer ${told === 1 ? 'once' : `${told} times`}, and has`,
      { code: Code.Unimplemented },
    );
  }
}

// A mistake in what a test wants sent is told where it is made, as far as it is there already.
function checkReply({ output }: DescMethod, { action }: Step, registry: Registry): void {
  if (action.kind !== 'reply' || typeof action.reply === 'function') return;
  const { reply } = action;
  // Other iterables can be read only once.
  const isList = Array.isArray(reply);
  if (isIterable(reply) && !isList) return;
  for (const literal of isList ? reply : [reply]) toMessage(output, literal, registry);
}

function quote(texts: readonly string[]): string[] {
  return texts.map((text) => JSON.stringify(text));
}
