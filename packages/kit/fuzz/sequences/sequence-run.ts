// Makes the calls of a recording in their order, then with one of them changed, and shrinks the sequences that show a problem.

import { setTimeout as delay } from 'node:timers/promises';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import * as fc from 'fast-check';
import { nameOf } from '../../base/rpc-name.ts';
import { type FoundProblem, type Problem, type SequenceCall, symptomOf } from '../calls/finding.ts';
import type { FuzzCall } from '../calls/fuzz-call.ts';
import { type FuzzRun, SLOW } from '../calls/fuzz-run.ts';
import { canCarry, type FuzzWire } from '../calls/fuzz-wire.ts';
import { CRASHED } from '../calls/judge-answer.ts';
import type { RuleHints } from '../calls/rule-hints.ts';
import { acceptsConnections } from '../calls/service-probe.ts';
import { FreshValues } from './client-values.ts';
import type { SequencePlan } from './plan.ts';
import { type GivenAnswer, prepareCall } from './prepare-call.ts';
import type { RecordedCall } from './recorded-calls.ts';
import { type ChangedSequence, cutSequences, orderChanges, unchanged, valueChanges } from './sequence-changes.ts';
import { shrinkSequence } from './shrink-sequence.ts';

/** What a run of sequences needs. */
export type SequenceRunOptions = {
  readonly run: FuzzRun;
  readonly url: string;
  readonly calls: readonly RecordedCall[];
  readonly wires: readonly FuzzWire[];
  readonly hints: RuleHints;
  readonly seed: number;
  /** Whether the calls that are meant for sequences are used up. */
  isOver(): boolean;
};

/** A problem of the call that is the last of `made`. */
type SequenceProblem = { readonly problem: Problem; readonly made: readonly SequenceCall[] };

type Outcome = {
  readonly made: readonly SequenceCall[];
  readonly problems: readonly SequenceProblem[];
  /** The code of each call's error. */
  readonly errors: readonly (string | undefined)[];
};

// The port of a process that ends closes within this time.
const SETTLE_MS = 60;
const MAX_SHRINKS = 40;
const MAX_SLOW_SHRINKS = 6;
// The same error in the same RPC can have several reasons, but is found by hundreds of changes.
const MAX_SAME = 3;

/** Explores sequences of recorded calls. */
export class SequenceRun {
  readonly #options: SequenceRunOptions;
  readonly #notes: string[] = [];
  readonly #shrunk = new Map<string, number>();
  #previous: SequencePlan | undefined;

  constructor(options: SequenceRunOptions) {
    this.#options = options;
  }

  /** Which calls the service did not answer as it was recorded, although nothing was changed. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Runs each sequence as it was recorded, and then, while there are calls left, with each change. */
  async explore(): Promise<void> {
    const { hints, seed } = this.#options;
    const sequences = cutSequences(this.#possibleCalls());
    for (const sequence of sequences) {
      const [wire] = this.#wiresFor(sequence);
      const outcome = wire && (await this.#explore({ ...unchanged(sequence), wire }));
      if (outcome) this.#compare(sequence, outcome);
    }
    const changed = [
      ...shuffle(sequences.flatMap(orderChanges), seed),
      ...shuffle(
        sequences.flatMap((sequence) => valueChanges(sequence, hints, seed)),
        seed,
      ),
    ];
    for (const [index, change] of changed.entries()) {
      if (this.#options.isOver()) return;
      const wires = this.#wiresFor(change.calls.map(({ recorded }) => recorded));
      const [wire] = wires.length > 0 ? fc.sample(fc.constantFrom(...wires), { seed: seed + index, numRuns: 1 }) : [];
      if (wire) await this.#explore({ ...change, wire });
    }
  }

  #possibleCalls(): readonly RecordedCall[] {
    const { calls, wires } = this.#options;
    return calls.filter(({ method }) => wires.some((wire) => canCarry(wire, method)));
  }

  #wiresFor(sequence: readonly RecordedCall[]): readonly FuzzWire[] {
    return this.#options.wires.filter((wire) => sequence.every(({ method }) => canCarry(wire, method)));
  }

  #compare(sequence: readonly RecordedCall[], { errors }: Outcome): void {
    for (const [index, { number, method, error }] of sequence.entries()) {
      if (index >= errors.length || errors[index] === error) continue;
      this.#notes.push(
        `call ${number} of the recording, ${nameOf(method)}, was ${error ?? 'answered'} and is now ${errors[index] ?? 'answered'}`,
      );
    }
  }

  async #explore(plan: SequencePlan): Promise<Outcome | undefined> {
    const { run } = this.#options;
    const open = { ...plan, calls: plan.calls.filter(({ recorded }) => !run.isDropped(recorded.method)) };
    if (open.calls.length === 0 || run.isOver) return undefined;
    const outcome = await this.#make(open, false);
    const previous = this.#previous;
    this.#previous = open;
    for (const found of outcome.problems) {
      if (found.problem.kind === 'crash') await this.#findCrash(found, [open, ...(previous ? [previous] : [])]);
      else await this.#find(found, open);
    }
    return outcome;
  }

  async #find(found: SequenceProblem, plan: SequencePlan): Promise<void> {
    const { run } = this.#options;
    run.countSlow(found.problem, callOf(found));
    const known = run.findings.find((finding) => isKnownAs(finding, found));
    if (known) {
      known.count += 1;
      return;
    }
    const isKnownWell = (this.#shrunk.get(symptomOfFound(found)) ?? 0) >= MAX_SAME;
    const same = isKnownWell ? run.findings.find((finding) => finding.sequence && isSame(found, finding)) : undefined;
    if (same) same.count += 1;
    else await this.#shrink(found, plan, false);
  }

  // The end of a service may be noticed one call late, and the process has lost its state then.
  async #findCrash(found: SequenceProblem, suspects: readonly SequencePlan[]): Promise<void> {
    const { run } = this.#options;
    const isBack = await run.awaitReturn();
    // The first call that is not answered is the one after the crash, or the one that made it.
    const [open] = suspects;
    const known = run.findings.find(({ kind, sequence }) => kind === 'crash' && sequence && contains(open, sequence));
    if (known) {
      known.count += 1;
      run.countSlow(found.problem, known.call);
      return;
    }
    if (isBack) {
      for (const suspect of suspects) {
        const { problems } = await this.#make(suspect, true);
        const again = problems.find(({ problem }) => problem.kind === 'crash');
        if (!again) continue;
        run.countSlow(again.problem, callOf(again));
        if (await run.awaitReturn()) await this.#shrink(again, suspect, true);
        else run.record(toFinding(again));
        return;
      }
    }
    run.record(toFinding({ ...found, problem: { ...found.problem, detail: `${found.problem.detail} (seen once)` } }));
  }

  async #shrink(found: SequenceProblem, plan: SequencePlan, isCareful: boolean): Promise<void> {
    const { run } = this.#options;
    let smallest = found;
    let isSeenAgain = false;
    await shrinkSequence(
      { ...plan, calls: plan.calls.slice(0, found.made.length) },
      {
        maxTries: SLOW.includes(found.problem.kind) ? MAX_SLOW_SHRINKS : MAX_SHRINKS,
        isOver: () => run.isOver,
        hasProblem: async (candidate) => {
          const { problems } = await this.#make(candidate, isCareful);
          if (problems.some(({ problem }) => problem.kind === 'crash') && !(await run.awaitReturn())) return false;
          const same = problems.find(({ made }) => made.length === candidate.calls.length);
          if (!same || !isSame(same, toFinding(found))) return false;
          smallest = same;
          isSeenAgain = true;
          return true;
        },
      },
    );
    const { problem } = smallest;
    const detail = isSeenAgain ? problem.detail : `${problem.detail} (seen once)`;
    run.record(toFinding({ ...smallest, problem: { ...problem, detail } }));
    if (smallest.made.length === 1) return;
    const symptom = symptomOfFound(found);
    this.#shrunk.set(symptom, (this.#shrunk.get(symptom) ?? 0) + 1);
  }

  /** Makes the calls of a plan. With `isCareful` it waits after each call whether the service ends. */
  async #make({ calls, wire }: SequencePlan, isCareful: boolean): Promise<Outcome> {
    const { run, url } = this.#options;
    const answers = new Map<number, GivenAnswer>();
    const fresh = new FreshValues();
    const made: SequenceCall[] = [];
    const problems: SequenceProblem[] = [];
    const errors: (string | undefined)[] = [];
    for (const planned of calls) {
      if (run.isOver) break;
      const step = prepareCall(planned, { wire, answers, fresh });
      made.push(step);
      const { answer, problem } = await run.make(step.call);
      errors.push(answer?.kind === 'error' ? codeToString(answer.code) : undefined);
      if (answer) answers.set(planned.recorded.number, { call: made.length, recorded: planned.recorded, answer });
      if (isCareful) await delay(SETTLE_MS);
      const isGone = problem?.kind === 'crash' || (isCareful && !(await acceptsConnections(url)));
      const shown: Problem | undefined = isGone ? { kind: 'crash', detail: CRASHED, cause: '' } : problem;
      if (shown) problems.push({ problem: shown, made: [...made] });
      if (isGone) break;
    }
    return { made, problems, errors };
  }
}

function callOf({ made }: SequenceProblem): FuzzCall {
  return (made.at(-1) as SequenceCall).call;
}

function symptomOfFound(found: SequenceProblem): string {
  return symptomOf(found.problem, nameOf(callOf(found).method));
}

function isSame(found: SequenceProblem, finding: FoundProblem): boolean {
  if (symptomOfFound(found) !== symptomOf(finding, nameOf(finding.call.method))) return false;
  return found.problem.kind !== 'unenforced rule' || found.problem.cause === finding.cause;
}

// A problem of the call alone, whatever was before it.
function isKnownAs(finding: FoundProblem, found: SequenceProblem): boolean {
  const isExplained = finding.cause === '' || finding.cause === found.problem.cause;
  return !finding.sequence && isExplained && isSame(found, finding);
}

function toFinding({ problem, made }: SequenceProblem): FoundProblem {
  const call = callOf({ problem, made });
  if (problem.kind === 'unenforced rule' || made.length === 1) {
    return { ...problem, call, count: 1, ...(made.length > 1 && { sequence: made }) };
  }
  const changes = made.flatMap(({ change }, index) => {
    if (change === '') return [];
    return index === made.length - 1 ? [change] : [`${change} in call ${index + 1}`];
  });
  return { ...problem, cause: changes.join(', '), call, sequence: made, count: 1 };
}

// Whether the plan has calls of these RPCs in this order.
function contains(plan: SequencePlan | undefined, sequence: readonly SequenceCall[]): boolean {
  const rest = sequence.map(({ call }) => call.method);
  for (const { recorded } of plan?.calls ?? []) if (recorded.method === rest[0]) rest.shift();
  return rest.length === 0;
}

function shuffle(changes: readonly ChangedSequence[], seed: number): ChangedSequence[] {
  if (changes.length === 0) return [];
  const all = fc.shuffledSubarray([...changes], { minLength: changes.length });
  return fc.sample(all, { seed, numRuns: 1 })[0] ?? [];
}
