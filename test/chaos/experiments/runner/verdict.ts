// From what was seen in an experiment to its verdict. Pure.
import type { FaultEffect, Finding, ProbeResult } from './experiment.ts';

export type Verdict = 'upheld' | 'refuted' | 'aborted' | 'fault did not measureEffect' | 'skipped';

/** How the platform stood by its invariants at rest. */
export type Judgement = { readonly held: number; readonly violations: readonly string[] };

/** What was seen, as far as the experiment went. */
export type Observations = {
  /** Why it was not done at all. */
  readonly obstacle: string | undefined;
  /** Why it was called off. */
  readonly abortReason: string | undefined;
  /** Undefined when the fault was never on. */
  readonly measureEffect: FaultEffect | undefined;
  readonly findings: readonly Finding[];
  /** The steady state before the fault and after it. */
  readonly steadyBefore: ProbeResult | undefined;
  readonly steadyAfter: ProbeResult | undefined;
  readonly judgement: Judgement | undefined;
};

/** A verdict with its reasons, the weightiest first; upheld has none. */
export type Decision = { readonly verdict: Verdict; readonly reasons: readonly string[] };

/**
 * Rules on an experiment. A broken invariant refutes whatever else was seen; after that, a fault that did nothing is told as such,
 * because claims about its effects then say nothing.
 */
export function decideVerdict(seen: Observations): Decision {
  if (seen.obstacle !== undefined) return { verdict: 'skipped', reasons: [seen.obstacle] };
  const broken = (seen.judgement?.violations ?? []).map((violation) => `invariant broken: ${violation}`);
  const failed = seen.findings.filter(({ holds }) => !holds).map(({ claim, seen: words }) => `${claim}: ${words}`);
  if (broken.length > 0) return { verdict: 'refuted', reasons: [...broken, ...failed] };
  if (seen.abortReason !== undefined) return { verdict: 'aborted', reasons: [seen.abortReason, ...failed] };
  if (seen.steadyBefore?.holds !== true) {
    return {
      verdict: 'aborted',
      reasons: [`no steady state to begin with: ${seen.steadyBefore?.seen ?? 'not looked at'}`],
    };
  }
  if (seen.measureEffect === undefined || !(seen.measureEffect.count > 0)) {
    return {
      verdict: 'fault did not measureEffect',
      reasons: [seen.measureEffect?.seen ?? 'the fault was never on', ...failed],
    };
  }
  const gone =
    seen.steadyAfter?.holds === true
      ? []
      : [`the steady state did not come back: ${seen.steadyAfter?.seen ?? 'not looked at'}`];
  const unjudged = seen.judgement === undefined ? ['the invariants could not be judged'] : [];
  const reasons = [...failed, ...gone, ...unjudged];
  return { verdict: reasons.length === 0 ? 'upheld' : 'refuted', reasons };
}

/** Whether a run of experiments went as it must: none of them is anything but upheld, or skipped with a reason, and one was done. */
export function isWell(verdicts: readonly Verdict[]): boolean {
  return verdicts.includes('upheld') && verdicts.every((verdict) => verdict === 'upheld' || verdict === 'skipped');
}
