// The registry of stubs of a virtual service: it finds the stub for a call, or explains why none matches.

import type { DescMethod, Message, Registry } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { shorten } from '../base/format-value.ts';
import { nameOf } from '../base/rpc-name.ts';
import type { Difference } from '../matching/difference.ts';
import { CallMatcher, UnmatchedError } from '../matching/match-call.ts';
import { isIterable, toMessage } from '../matching/read-literal.ts';
import { ONE_FIXED, type Specificity, sumSpecificity } from '../matching/specificity.ts';
import { compileRequests, isSamePattern, type RequestPattern } from './request-pattern.ts';
import type { Step } from './step.ts';
import type { StubDraft } from './stub.ts';

/** A stub, and how many calls it answered. */
export type StubState = {
  /** Its number on this server, from 1. */
  readonly id: number;
  readonly method: DescMethod;
  /** What it matches, such as `stub(GetForecast, { town: "Oslo" })`. */
  readonly name: string;
  /** How many calls, or messages of a conversation, it answered. */
  readonly answered: number;
};

/** Stubs by RPC, and the state on which they depend. */
export class StubRegistry {
  /** The current state of the service. */
  state: string;
  readonly #types: Registry;
  readonly #firstState: string;
  readonly #matcher = new CallMatcher<StubEntry>({
    specificityOf: ({ specificity }) => specificity,
    titleOf: ({ name }) => name,
    quotesTitles: false,
    missing: 'is not stubbed',
    unmatched: 'no stub matches',
    ambiguous: 'match',
  });
  #entries = new Map<DescMethod, Set<StubEntry>>();
  // Stubs that look alike by RPC and key: a new stub is compared with these only.
  #alike = new Map<DescMethod, Map<string, StubEntry[]>>();
  #created = 0;

  /** @param types the types that messages may hold in a `google.protobuf.Any`. */
  constructor(types: Registry, firstState: string) {
    this.#types = types;
    this.#firstState = firstState;
    this.state = firstState;
  }

  /**
   * Creates a stub. It takes effect with its first step, and then replaces a stub of the same RPC for the same requests and
   * states.
   *
   * @throws {LiteralError} if `match` is not a literal of the request.
   * @throws {TypeError} if `match` is a list and the RPC is a conversation.
   */
  create(method: DescMethod, match: unknown): StubDraft {
    const pattern = compileRequests(method, match, this.#types);
    if (method.methodKind === 'bidi_streaming' && Array.isArray(match)) {
      throw new TypeError(`${nameOf(method)}: a stub of a conversation matches one message, not a list`);
    }
    this.#created += 1;
    return new StubEntry(this.#created, method, pattern, {
      check: (step) => checkReply(method, step, this.#types),
      onFirstStep: (entry) => this.#add(entry),
    });
  }

  /**
   * Returns the next step of the most specific stub that matches; `undefined` if none matches.
   *
   * @throws {UnmatchedError} `internal`, naming both, if two match and neither is more specific; `unimplemented` if the stub that
   *   matches has no step left.
   */
  find(method: DescMethod, requests: readonly Message[]): Step | undefined {
    const plausible = this.#of(method).filter((entry) => !entry.excludes(requests));
    const choice = this.#matcher.choose(plausible, (entry) => entry.differences(requests, this.state));
    if (choice.kind === 'none') return undefined;
    if (choice.kind === 'ambiguous') throw this.#matcher.explainAmbiguous(method, choice.candidates);
    const step = choice.candidate.take();
    if (step.nextState !== undefined) this.state = step.nextState;
    return step;
  }

  /** Whether the RPC has stubs. */
  has(method: DescMethod): boolean {
    return this.#of(method).length > 0;
  }

  /** Returns why no stub matches a call: the nearest stub, and the differences. */
  explainUnmatched(method: DescMethod, requests: readonly Message[]): UnmatchedError {
    return this.#matcher.explainUnmatched(method, this.#of(method), (entry) => entry.differences(requests, this.state));
  }

  /** Returns the next step of the stub that handles whole conversations of this RPC, if there is one. */
  findScript(method: DescMethod): Step | undefined {
    return this.#of(method).some(({ isScript }) => isScript) ? this.find(method, []) : undefined;
  }

  /** Removes all stubs, and returns to the first state. */
  clear(): void {
    this.#entries.clear();
    this.#alike.clear();
    this.state = this.#firstState;
  }

  /** Returns the stubs in the order in which they were created. */
  list(): StubState[] {
    return [...this.#entries.values()].flatMap((entries) => [...entries]).sort((a, b) => a.id - b.id);
  }

  /** Removes the stubs that `isRemoved` selects, and returns them. */
  remove(isRemoved: (stub: StubState) => boolean): StubState[] {
    const removed = this.list().filter(isRemoved);
    const gone = new Set(removed);
    for (const [method, entries] of this.#entries) {
      this.#entries.set(method, new Set([...entries].filter((entry) => !gone.has(entry))));
      const alike = [...(this.#alike.get(method) ?? [])];
      const kept = alike.map(([key, stubs]) => [key, stubs.filter((stub) => !gone.has(stub))] as const);
      this.#alike.set(method, new Map(kept.filter(([, stubs]) => stubs.length > 0)));
    }
    return removed;
  }

  /** Runs `change`, which creates and removes stubs. If it throws, the stubs are as before. */
  atomically<T>(change: () => T): T {
    const entries = new Map([...this.#entries].map(([method, stubs]) => [method, new Set(stubs)]));
    const alike = new Map([...this.#alike].map(([method, stubs]) => [method, new Map(stubs)]));
    try {
      return change();
    } catch (error) {
      this.#entries = entries;
      this.#alike = alike;
      throw error;
    }
  }

  #of(method: DescMethod): readonly StubEntry[] {
    return [...(this.#entries.get(method) ?? [])];
  }

  #add(entry: StubEntry): void {
    const entries = this.#entries.get(entry.method) ?? new Set();
    const alike = this.#alike.get(entry.method) ?? new Map<string, StubEntry[]>();
    const candidates = alike.get(entry.key) ?? [];
    const kept = candidates.filter((stub) => !stub.isReplacedBy(entry));
    const isOnlyOne = entries.size === candidates.length - kept.length;
    // A stub of whole conversations is the only one, so the first tells.
    const [first] = entries;
    const script = [entry, first].find((stub) => stub?.isScript);
    if (script && !isOnlyOne) {
      throw new TypeError(`${script.name} handles whole conversations, so the RPC can have no other stub`);
    }
    if (entry.isScript && entry.hasPattern) {
      throw new TypeError(`${entry.name} handles whole conversations, so it cannot match single messages`);
    }
    for (const stub of candidates) if (!kept.includes(stub)) entries.delete(stub);
    this.#entries.set(entry.method, entries.add(entry));
    this.#alike.set(entry.method, alike.set(entry.key, [...kept, entry]));
  }
}

/** The registry, as its stubs use it. */
type StubContext = {
  check(step: Step): void;
  onFirstStep(entry: StubEntry): void;
};

/** A stub: the requests and states it matches, and its steps. */
class StubEntry implements StubDraft, StubState {
  readonly id: number;
  readonly method: DescMethod;
  readonly #pattern: RequestPattern;
  readonly #context: StubContext;
  readonly #steps: Step[] = [];
  #states: readonly string[] = [];
  #calls = 0;
  #answered = 0;

  constructor(id: number, method: DescMethod, pattern: RequestPattern, context: StubContext) {
    this.id = id;
    this.method = method;
    this.#pattern = pattern;
    this.#context = context;
  }

  get answered(): number {
    return this.#answered;
  }

  get name(): string {
    const { name } = this.method;
    const stated = this.#pattern.statements.map(({ path, expected }) => `${path}: ${shorten(expected)}`);
    const stub = stated.length === 0 ? `stub(${name})` : `stub(${name}, { ${stated.join(', ')} })`;
    return this.#states.length === 0 ? stub : `${stub}.when(${quote(this.#states).join(', ')})`;
  }

  /** Equal for stubs of the same requests and states, and rarely for others. */
  get key(): string {
    const statements = this.#pattern.statements.map(({ path, expected }) => `${path}: ${expected}`).sort();
    return JSON.stringify([statements, this.#states]);
  }

  /** A state counts as a fixed value. */
  get specificity(): Specificity {
    const { specificity } = this.#pattern;
    return this.#states.length === 0 ? specificity : sumSpecificity([specificity, ONE_FIXED]);
  }

  /** Whether it matches only some requests. */
  get hasPattern(): boolean {
    return this.#pattern.statements.length > 0;
  }

  get isScript(): boolean {
    return this.#steps[0]?.action.kind === 'converse';
  }

  restrict(states: readonly string[]): void {
    if (this.#steps.length > 0) throw new TypeError(`${this.name}: when() must come before the first step`);
    this.#states = [...new Set(states)].sort();
  }

  addStep(step: Step): void {
    this.#context.check(step);
    if (this.#steps.length > 0) this.#refuseMixedSteps(step);
    this.#steps.push(step);
    if (this.#steps.length === 1) this.#context.onFirstStep(this);
  }

  amend(change: Partial<Step>): void {
    const last = this.#steps.at(-1);
    if (last) this.#steps[this.#steps.length - 1] = { ...last, ...change };
  }

  // A stub is chosen either by one message or for a whole conversation, so its steps cannot be of both kinds.
  #refuseMixedSteps({ action }: Step): void {
    const isForMessage = action.kind === 'reply' && typeof action.reply === 'function';
    if (this.isScript ? isForMessage : action.kind === 'converse') {
      throw new TypeError(`${this.name} cannot both handle whole conversations and answer single messages`);
    }
  }

  /** Returns whether another stub is for the same requests and states. */
  isReplacedBy(other: StubEntry): boolean {
    return isSamePattern(this.#pattern, other.#pattern) && this.#states.join('\n') === other.#states.join('\n');
  }

  /** Returns whether the requests certainly do not match, at a quick look. */
  excludes(requests: readonly Message[]): boolean {
    return this.#pattern.excludes(requests);
  }

  differences(requests: readonly Message[], state: string): Difference[] {
    const differences = this.#pattern.differences(requests);
    if (this.#states.length === 0 || this.#states.includes(state)) return differences;
    return [
      { path: 'state', expected: quote(this.#states).join(' or '), actual: JSON.stringify(state) },
      ...differences,
    ];
  }

  /**
   * Returns the step for the next call.
   *
   * @throws {UnmatchedError} if the number of calls is limited and used up.
   */
  take(): Step {
    const step = this.#stepOf(this.#calls);
    this.#calls += 1;
    if (step) {
      this.#answered += 1;
      return step;
    }
    const limit = this.#steps.reduce((sum, { times = 1 }) => sum + times, 0);
    throw new UnmatchedError(
      `${nameOf(this.method)}: ${this.name} answers ${limit === 1 ? 'once' : `${limit} times`}, which it has done`,
      { code: Code.Unimplemented },
    );
  }

  #stepOf(call: number): Step | undefined {
    let left = call;
    for (const step of this.#steps) {
      const { times = 1 } = step;
      if (left < times) return step;
      left -= times;
    }
    const last = this.#steps.at(-1);
    return last?.times === undefined ? last : undefined;
  }
}

// Checks a reply when it is stubbed, so that the error points at the test. The reply of a function can only be checked later.
function checkReply({ output }: DescMethod, { action }: Step, registry: Registry): void {
  if (action.kind !== 'reply' || typeof action.reply === 'function') return;
  const { reply } = action;
  // Iterables other than lists can be read only once, so they are checked when they are sent.
  const isList = Array.isArray(reply);
  if (isIterable(reply) && !isList) return;
  for (const literal of isList ? reply : [reply]) toMessage(output, literal, registry);
}

function quote(texts: readonly string[]): string[] {
  return texts.map((text) => JSON.stringify(text));
}
