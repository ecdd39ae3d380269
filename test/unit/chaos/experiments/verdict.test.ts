// The rules of a verdict, and when a run passes.
import { describe, expect, it } from 'vitest';
import {
  decideVerdict,
  haveAllPassed,
  type Observations,
  type Verdict,
} from '../../../chaos/experiments/runner/verdict.ts';
import { UNWELL, WELL } from './fixtures.ts';

const UPHELD: Observations = {
  obstacle: undefined,
  abortReason: undefined,
  effect: { count: 2, seen: 'two calls were delayed' },
  findings: [{ claim: 'It answers', holds: true, seen: 'it did' }],
  steadyBefore: WELL,
  steadyAfter: WELL,
  judgement: { held: 24, violations: [] },
};
const FAILED = [{ claim: 'It answers', holds: false, seen: 'it did not' }];
const BROKEN = { held: 23, violations: ['money: one cent is missing'] };
const NO_EFFECT = { count: 0, seen: 'no call was delayed' };

describe('the verdict', () => {
  it.each<[string, Partial<Observations>, Verdict, string[]]>([
    ['every claim holds', {}, 'upheld', []],
    ['a claim does not hold', { findings: FAILED }, 'refuted', ['It answers: it did not']],
    ['an invariant is violated', { judgement: BROKEN }, 'refuted', ['invariant violated: money: one cent is missing']],
    ['the invariants were not judged', { judgement: undefined }, 'refuted', ['the invariants could not be judged']],
    ['the fault had no effect', { effect: NO_EFFECT }, 'fault had no effect', ['no call was delayed']],
    ['the effect is not a number', { effect: { count: Number.NaN, seen: 'NaN' } }, 'fault had no effect', ['NaN']],
    ['the fault was never injected', { effect: undefined }, 'fault had no effect', ['the fault was never injected']],
    ['it was aborted', { abortReason: 'an alarm' }, 'aborted', ['an alarm']],
    [
      'there was no steady state before',
      { steadyBefore: UNWELL },
      'aborted',
      ['no steady state before the fault: nothing is well'],
    ],
    ['the machine cannot run it', { obstacle: 'no root' }, 'skipped', ['no root']],
  ])('when %s', (_, changes, verdict, reasons) => {
    expect(decideVerdict({ ...UPHELD, ...changes })).toEqual({ verdict, reasons });
  });

  it('ranks a violated invariant first, then an abort, then a fault without an effect, then claims', () => {
    const everything = {
      ...UPHELD,
      findings: FAILED,
      effect: NO_EFFECT,
      abortReason: 'an alarm',
      judgement: BROKEN,
    };

    expect(decideVerdict(everything)).toEqual({
      verdict: 'refuted',
      reasons: ['invariant violated: money: one cent is missing', 'It answers: it did not'],
    });
    expect(decideVerdict({ ...everything, judgement: UPHELD.judgement }).verdict).toBe('aborted');
    expect(decideVerdict({ ...everything, judgement: UPHELD.judgement, abortReason: undefined })).toEqual({
      verdict: 'fault had no effect',
      reasons: ['no call was delayed', 'It answers: it did not'],
    });
  });
});

describe('a run', () => {
  it('passes when all are upheld or skipped, and at least one is upheld', () => {
    expect(haveAllPassed(['upheld', 'skipped', 'upheld'])).toBe(true);
    for (const bad of ['refuted', 'aborted', 'fault had no effect'] as const)
      expect(haveAllPassed(['upheld', bad])).toBe(false);
    expect(haveAllPassed(['skipped'])).toBe(false);
    expect(haveAllPassed([])).toBe(false);
  });
});
