// The verdict on an experiment, decided from its observations. Pure.
import type { FaultEffect, Finding, ProbeResult } from './experiment.ts';

export type Verdict = 'upheld' | 'refuted' | 'aborted' | 'fault had no effect' | 'skipped';

/** The result of the invariants at quiescence. */
export type Judgement = { readonly held: number; readonly violations: readonly string[] };

/** The observations of an experiment, as far as it went. */
export type Observations = {
  /** Why it was skipped. */
  readonly obstacle: string | undefined;
  /** Why it was aborted. */
  readonly abortReason: string | undefined;
  /** Undefined when the fault was never injected. */
  readonly effect: FaultEffect | undefined;
  readonly findings: readonly Finding[];
  /** The steady state before the fault and after it. */
  readonly steadyBefore: ProbeResult | undefined;
  readonly steadyAfter: ProbeResult | undefined;
  readonly judgement: Judgement | undefined;
};

/** A verdict with its reasons, the most important first; `upheld` has none. */
export type Decision = { readonly verdict: Verdict; readonly reasons: readonly string[] };

/**
 * Decides the verdict. A violated invariant refutes the hypothesis, whatever else was seen. A fault without an effect proves nothing, so
 * its claims are not judged.
 */
export function decideVerdict(seen: Observations): Decision {
  if (seen.obstacle !== undefined) return { verdict: 'skipped', reasons: [seen.obstacle] };
  const violated = (seen.judgement?.violations ?? []).map((violation) => `invariant violated: ${violation}`);
  const failed = seen.findings.filter(({ holds }) => !holds).map(({ claim, seen: words }) => `${claim}: ${words}`);
  if (violated.length > 0) return { verdict: 'refuted', reasons: [...violated, ...failed] };
  if (seen.abortReason !== undefined) return { verdict: 'aborted', reasons: [seen.abortReason, ...failed] };
  if (seen.steadyBefore?.holds !== true) {
    return {
      verdict: 'aborted',
      reasons: [`no steady state before the fault: ${seen.steadyBefore?.seen ?? 'not probed'}`],
    };
  }
  if (seen.effect === undefined || !(seen.effect.count > 0)) {
    return {
      verdict: 'fault had no effect',
      reasons: [seen.effect?.seen ?? 'the fault was never injected', ...failed],
    };
  }
  const unsteady =
    seen.steadyAfter?.holds === true
      ? []
      : [`the steady state did not return: ${seen.steadyAfter?.seen ?? 'not probed'}`];
  const unjudged = seen.judgement === undefined ? ['the invariants could not be judged'] : [];
  const reasons = [...failed, ...unsteady, ...unjudged];
  return { verdict: reasons.length === 0 ? 'upheld' : 'refuted', reasons };
}

/** Whether a run passes: every experiment is upheld or skipped, and at least one is upheld. */
export function haveAllPassed(verdicts: readonly Verdict[]): boolean {
  return verdicts.includes('upheld') && verdicts.every((verdict) => verdict === 'upheld' || verdict === 'skipped');
}
