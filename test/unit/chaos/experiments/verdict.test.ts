// The rules of a verdict, and what makes a run red.
import { describe, expect, it } from 'vitest';
import { decideVerdict, isWell, type Observations, type Verdict } from '../../../chaos/experiments/runner/verdict.ts';
import { UNWELL, WELL } from './fixtures.ts';

const UPHELD: Observations = {
  obstacle: undefined,
  abortReason: undefined,
  measureEffect: { count: 2, seen: 'two calls were delayed' },
  findings: [{ claim: 'It answers', holds: true, seen: 'it did' }],
  steadyBefore: WELL,
  steadyAfter: WELL,
  judgement: { held: 24, violations: [] },
};
const FAILED = [{ claim: 'It answers', holds: false, seen: 'it did not' }];
const BROKEN = { held: 23, violations: ['money: one cent is missing'] };
const NO_BITE = { count: 0, seen: 'no call was delayed' };

describe('the verdict', () => {
  it.each<[string, Partial<Observations>, Verdict, string[]]>([
    ['all that was claimed was seen', {}, 'upheld', []],
    ['a claim does not hold', { findings: FAILED }, 'refuted', ['It answers: it did not']],
    ['an invariant is broken', { judgement: BROKEN }, 'refuted', ['invariant broken: money: one cent is missing']],
    ['nothing was judged', { judgement: undefined }, 'refuted', ['the invariants could not be judged']],
    ['the fault did nothing', { measureEffect: NO_BITE }, 'fault did not measureEffect', ['no call was delayed']],
    [
      'the measuredBy saw no number',
      { measureEffect: { count: Number.NaN, seen: 'NaN' } },
      'fault did not measureEffect',
      ['NaN'],
    ],
    ['the fault was never on', { measureEffect: undefined }, 'fault did not measureEffect', ['the fault was never on']],
    ['it was called off', { abortReason: 'a scream' }, 'aborted', ['a scream']],
    ['it could not begin', { steadyBefore: UNWELL }, 'aborted', ['no steady state to begin with: nothing is well']],
    ['it cannot be done here', { obstacle: 'no root' }, 'skipped', ['no root']],
  ])('when %s', (_, changes, verdict, reasons) => {
    expect(decideVerdict({ ...UPHELD, ...changes })).toEqual({ verdict, reasons });
  });

  it('weighs a broken invariant most, then the abort, then a fault that did nothing, then claims', () => {
    const everything = {
      ...UPHELD,
      findings: FAILED,
      measureEffect: NO_BITE,
      abortReason: 'a scream',
      judgement: BROKEN,
    };

    expect(decideVerdict(everything).verdict).toBe('refuted');
    expect(decideVerdict({ ...everything, judgement: UPHELD.judgement }).verdict).toBe('aborted');
    expect(decideVerdict({ ...everything, judgement: UPHELD.judgement, abortReason: undefined })).toEqual({
      verdict: 'fault did not measureEffect',
      reasons: ['no call was delayed', 'It answers: it did not'],
    });
  });
});

describe('a run', () => {
  it('is well when all are upheld or skipped, and at least one was done', () => {
    expect(isWell(['upheld', 'skipped', 'upheld'])).toBe(true);
    for (const bad of ['refuted', 'aborted', 'fault did not measureEffect'] as const)
      expect(isWell(['upheld', bad])).toBe(false);
    expect(isWell(['skipped'])).toBe(false);
    expect(isWell([])).toBe(false);
  });
});
