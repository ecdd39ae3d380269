// One run of the fuzzer: it makes calls within a budget, judges their answers, and shrinks those that show a problem.

import type { DescMethod, Registry } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { nameOf } from '../../base/rpc-name.ts';
import type { CallGroup } from './call-generator.ts';
import { findCrashReason } from './crash.ts';
import { encodeRequest } from './encode-request.ts';
import { type FindingKind, type FoundProblem, identityOf, type Problem, symptomOf } from './finding.ts';
import { causeOf, type FuzzCall, withoutCause } from './fuzz-call.ts';
import type { HttpClient, RawAnswer } from './http-client.ts';
import { CRASHED, judgeAnswer, judgeBroken } from './judge-answer.ts';
import { type Answer, readAnswer } from './read-answer.ts';
import type { Rules } from './rule-hints.ts';
import { acceptsConnections, awaitConnections, RESTART_MS } from './service-probe.ts';

/** What a run needs, and when it ends. */
export type FuzzRunOptions = {
  readonly url: string;
  readonly client: HttpClient;
  readonly registry: Registry;
  readonly rules: Rules;
  readonly headers: Readonly<Record<string, string>>;
  /** RPCs whose streams may stay open. */
  readonly endless: ReadonlySet<DescMethod>;
  readonly maxCalls: number;
  /** How long to explore. */
  readonly maxMs: number;
  /** How much longer the memory may be watched. */
  readonly maxMemoryMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onFinding: (finding: FoundProblem) => void;
};

/** Each call with one of these takes as long as the timeout or a restart. */
export const SLOW: readonly FindingKind[] = ['crash', 'hang', 'endless stream'];
const MAX_SHRINKS = 80;
const MAX_SLOW_SHRINKS = 4;
/** After so many slow problems an RPC is no longer called. */
const MAX_SLOW_PROBLEMS = 8;

const ENDLESS_MS = 300;

/** A problem, and the call that has it. */
type CallProblem = Problem & { readonly call: FuzzCall };

/** The state of a run. */
export class FuzzRun {
  readonly #options: FuzzRunOptions;
  readonly #end: number;
  readonly #found = new Map<string, FoundProblem>();
  readonly #slow = new Map<DescMethod, number>();
  readonly #called = new Map<DescMethod, number>();
  #calls = 0;
  #isGone = false;
  #previous: FuzzCall | undefined;

  constructor(options: FuzzRunOptions) {
    this.#options = options;
    this.#end = performance.now() + options.maxMs;
  }

  get calls(): number {
    return this.#calls;
  }

  get findings(): readonly FoundProblem[] {
    return [...this.#found.values()];
  }

  /** Whether the service ended, and did not come back. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Whether the budget is used up, the service is gone, or the run was stopped. */
  get isOver(): boolean {
    const { maxCalls, signal } = this.#options;
    return this.#isGone || signal?.aborted === true || this.#calls >= maxCalls || performance.now() >= this.#end;
  }

  /** How much of the calls or the time is used up, whichever is more; 1 is all. */
  get usedShare(): number {
    const { maxCalls, maxMs } = this.#options;
    return Math.max(this.#calls / maxCalls, 1 - (this.#end - performance.now()) / maxMs);
  }

  /** Whether there is no time left to watch the memory either. */
  get isOutOfTime(): boolean {
    const { signal, maxMemoryMs } = this.#options;
    return this.#isGone || signal?.aborted === true || performance.now() >= this.#end + maxMemoryMs;
  }

  /** Returns whether an RPC is no longer called, because too many of its calls did not end. */
  isDropped(method: DescMethod): boolean {
    return (this.#slow.get(method) ?? 0) >= MAX_SLOW_PROBLEMS;
  }

  /** Returns how many calls of an RPC were made. */
  callsOf(method: DescMethod): number {
    return this.#called.get(method) ?? 0;
  }

  /** Makes up to `count` calls of a group. Returns after the first new problem, with its smallest call recorded. */
  async explore({ method, calls }: CallGroup, seed: number, count: number): Promise<void> {
    let found: FoundProblem | undefined;
    let shrinks = 0;
    const property = fc.asyncProperty(calls, async (call) => {
      if (this.isOver || this.isDropped(method)) return true;
      if (found === undefined) {
        found = await this.#findNew(call);
        return found === undefined;
      }
      shrinks += 1;
      const limit = SLOW.includes(found.kind) ? MAX_SLOW_SHRINKS : MAX_SHRINKS;
      if (shrinks > limit || !(await this.#hasSame(found, call))) return true;
      found = { ...found, call: found.cause === '' ? withoutCause(call) : call };
      return false;
    });
    await fc.check(property, { seed, numRuns: count });
    if (found) this.record(found);
  }

  /** Adds a finding, or the number of its calls to an equal one. */
  record(finding: FoundProblem): void {
    const key = identityOf(finding);
    const known = this.#found.get(key);
    if (known) {
      known.count += finding.count;
      return;
    }
    this.#found.set(key, finding);
    this.#options.onFinding(finding);
  }

  /** Counts a problem that takes long, after some of which an RPC is no longer called. */
  countSlow({ kind }: Problem, { method }: FuzzCall): void {
    if (SLOW.includes(kind)) this.#slow.set(method, (this.#slow.get(method) ?? 0) + 1);
  }

  /** Waits until the service is back after a crash. Returns whether it is. */
  async awaitReturn(): Promise<boolean> {
    this.#previous = undefined;
    this.#isGone = !(await awaitConnections(this.#options.url, RESTART_MS));
    return !this.#isGone;
  }

  /** Makes a call. Returns its problem, if it has one; that of the call before if that call has ended the service. */
  async attempt(call: FuzzCall): Promise<CallProblem | undefined> {
    const previous = this.#previous;
    this.#previous = call;
    const { problem } = await this.make(call);
    if (problem?.kind !== 'crash') {
      if (problem) this.countSlow(problem, call);
      return problem && { ...problem, call };
    }
    const found = await this.#findCrash(problem, call, previous);
    this.countSlow(problem, found.call);
    return found;
  }

  /** Makes a call. Returns its answer, and its problem, if it has one. A crash may be that of an earlier call. */
  async make(call: FuzzCall): Promise<{ readonly answer?: Answer; readonly problem?: Problem }> {
    const { registry, url, rules, endless } = this.#options;
    const raw = await this.#send(call);
    if (raw.kind === 'answer') {
      const answer = readAnswer(raw, call, registry);
      const problem = judgeAnswer(answer, call, rules);
      return { answer, ...(problem && { problem }) };
    }
    const problem = judgeBroken(raw, call, await acceptsConnections(url));
    return raw.kind === 'no end' && problem.kind !== 'crash' && endless.has(call.method) ? {} : { problem };
  }

  /** Makes a call that may have a known problem. A crash is waited for, because it may come after the answer. */
  async #attemptAgain(call: FuzzCall, kind: FindingKind): Promise<CallProblem | undefined> {
    if (kind !== 'crash') return await this.attempt(call);
    const { url } = this.#options;
    const reason = await findCrashReason({ url, suspects: [call], send: (suspect) => this.#send(suspect) });
    this.#isGone = !reason.isBack;
    return reason.call && { kind, detail: CRASHED, cause: causeOf(call), call };
  }

  async #send(call: FuzzCall): Promise<RawAnswer> {
    const { client, registry, headers, endless } = this.#options;
    this.#calls += 1;
    this.#called.set(call.method, this.callsOf(call.method) + 1);
    // Whether such a stream is refused shows early.
    const timeoutMs = endless.has(call.method) ? ENDLESS_MS : undefined;
    return await client.send(encodeRequest(call, registry, headers), call.wire.http, timeoutMs);
  }

  async #findCrash(problem: Problem, call: FuzzCall, previous: FuzzCall | undefined): Promise<CallProblem> {
    const suspects = previous ? [call, previous] : [call];
    const reason = await findCrashReason({ url: this.#options.url, suspects, send: (suspect) => this.#send(suspect) });
    this.#isGone = !reason.isBack;
    this.#previous = undefined;
    if (!reason.call) return { ...problem, detail: `${problem.detail} (seen once)`, call };
    return { ...problem, cause: causeOf(reason.call), call: reason.call };
  }

  async #findNew(generated: FuzzCall): Promise<FoundProblem | undefined> {
    const problem = await this.attempt(generated);
    if (!problem) return undefined;
    const { call } = problem;
    const known = this.#knownAs(problem, call);
    if (known) {
      known.count += 1;
      return undefined;
    }
    if (problem.cause === '' || problem.kind === 'unenforced rule') return { ...problem, count: 1 };
    // The cause is the boundary value or the damage only if the call without it has no such problem.
    const control = withoutCause(call);
    const ofControl = this.isOver ? undefined : await this.#attemptAgain(control, problem.kind);
    const isGeneral = ofControl !== undefined && sameSymptom(ofControl, problem, call.method);
    return isGeneral ? { ...ofControl, count: 1 } : { ...problem, count: 1 };
  }

  async #hasSame(found: FoundProblem, call: FuzzCall): Promise<boolean> {
    const candidate = found.cause === '' ? withoutCause(call) : call;
    const problem = await this.#attemptAgain(candidate, found.kind);
    if (!problem || problem.cause !== found.cause || problem.call !== candidate) return false;
    if (!sameSymptom(problem, found, call.method)) return false;
    if (found.cause === '' || found.kind === 'unenforced rule' || this.isOver) return true;
    const control = await this.#attemptAgain(withoutCause(call), found.kind);
    return control === undefined || !sameSymptom(control, problem, call.method);
  }

  // A problem of ordinary calls explains the same symptom of others. One with another boundary value is another problem, but bytes that
  // are damaged may happen to be a request with such a value.
  #knownAs(problem: Problem, { method, damage }: FuzzCall): FoundProblem | undefined {
    const same = this.findings.filter(
      (found) => !found.sequence && found.call.method === method && sameSymptom(found, problem, method),
    );
    const isExplained = (found: FoundProblem) =>
      problem.kind === 'unenforced rule'
        ? found.cause === problem.cause
        : damage !== undefined || found.cause === '' || problem.cause === '';
    return same.find((found) => found.cause === problem.cause) ?? same.find(isExplained);
  }
}

function sameSymptom(a: Problem, b: Problem, method: DescMethod): boolean {
  return symptomOf(a, nameOf(method)) === symptomOf(b, nameOf(method));
}
