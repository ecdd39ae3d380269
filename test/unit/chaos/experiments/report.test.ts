// The report of experiments, for people and for programs.
import { describe, expect, it } from 'vitest';
import { type Result, renderJson, renderReport } from '../../../chaos/experiments/runner/report.ts';
import type { Outcome } from '../../../chaos/experiments/runner/run-experiment.ts';
import { plainExperiment, UNWELL, WELL } from './fixtures.ts';

const FACTS = {
  seed: 7,
  startTime: new Date('2026-03-01T12:34:56Z'),
  steadyState: 'All is well.',
  tookMs: 61_000,
  interrupted: false,
};
const OUTCOME: Outcome = {
  verdict: 'refuted',
  reasons: ['It answers: in 9 s | too late'],
  obstacle: undefined,
  abortReason: undefined,
  effect: { count: 3, seen: 'three calls were delayed' },
  findings: [{ claim: 'It answers', holds: false, seen: 'in 9 s | too late' }],
  steadyBefore: WELL,
  steadyAfter: UNWELL,
  judgement: { held: 24, violations: [] },
  faultMs: 4_000,
  tookMs: 12_345,
};
const refuted: Result = { experiment: plainExperiment({ section: '8.3' }) as never, outcome: OUTCOME };
const skipped: Result = {
  experiment: plainExperiment({ name: 'other', platform: 'own' }) as never,
  outcome: {
    ...OUTCOME,
    verdict: 'skipped',
    reasons: ['mounting needs root'],
    obstacle: 'mounting needs root',
    effect: undefined,
    findings: [],
  },
};

describe('the report', () => {
  it('starts with a summary and a table of verdicts, and explains the verdicts', () => {
    const report = renderReport([refuted, skipped], FACTS);

    expect(report).toContain('2 experiments on 2026-03-01 12:34 UTC, in 61.0 s: 1 refuted, 1 skipped. Seed 7.');
    expect(report).toContain('| [plain](#plain) | The subject is broken | ❌ refuted | 12.3 s |');
    expect(report).toContain('All is well. It was probed');
    expect(report).toContain('*Fault had no effect*');
  });

  it('shows the hypothesis, the fault, the findings and the command to repeat each experiment', () => {
    const report = renderReport([refuted, skipped], FACTS);

    for (const words of [
      '**Hypothesis:** It recovers',
      '**Fault:** It',
      '**Blast radius:** The',
      '**Effect measured by:** A probe',
    ])
      expect(report).toContain(`- ${words}`);
    expect(report).toContain('- **Abort condition:** An alarm is raised, or the fault lasts longer than 10 s.');
    expect(report).toContain('| ✅ | The fault, active for 4.0 s, has an effect | three calls were delayed |');
    // A `|` in a text must not end its cell.
    expect(report).toContain('| ❌ | It answers | in 9 s \\| too late |');
    expect(report).toContain('| ❌ | Steady state after the fault | nothing is well |');
    expect(report).toContain('| ✅ | Invariants at quiescence | 24 hold |');
    expect(report).toContain('Repeat: `make chaos EXPERIMENT=plain SEED=7`');
    expect(report.slice(report.indexOf('## other'))).not.toContain('| claim |');
  });

  it('is also JSON, with the verdict of the whole run', () => {
    const upheld = { ...refuted, outcome: { ...OUTCOME, verdict: 'upheld' as const, reasons: [] } };
    const read = (...given: Parameters<typeof renderJson>) => JSON.parse(renderJson(...given));

    expect(read([refuted, skipped], FACTS)).toMatchObject({
      seed: 7,
      upheld: false,
      experiments: [
        { name: 'plain', section: '8.3', verdict: 'refuted', steadyState: 'All is well.', effect: { count: 3 } },
        { name: 'other', verdict: 'skipped', obstacle: 'mounting needs root' },
      ],
    });
    expect(read([upheld, skipped], FACTS).upheld).toBe(true);
    expect(read([upheld], { ...FACTS, interrupted: true }).upheld).toBe(false);
    expect(renderReport([upheld], { ...FACTS, interrupted: true })).toContain('The run was interrupted.');
  });
});
