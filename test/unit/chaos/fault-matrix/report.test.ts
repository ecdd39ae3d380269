import { expect, it } from 'vitest';
import { isGreen, type MatrixReport, renderResult, renderSummary, toJson } from '../../../chaos/fault-matrix/report.ts';
import { pendingResult } from './results.ts';

const report: MatrixReport = {
  seed: 7,
  seconds: 12.4,
  results: [pendingResult],
  skipped: [],
  notRun: [],
  violations: [],
};
const redResult = { ...pendingResult, hits: 0 };

it('shows a cell in a line, and what is wrong below it', () => {
  expect(renderResult(pendingResult)).not.toContain('\n');
  expect(renderResult(redResult)).toMatch(/payment +latency.*TIMEOUT.*<== RED\n +the proxy counted no fault$/);
});

it.each<[string, Partial<MatrixReport>, string]>([
  ['a red cell', { results: [pendingResult, redResult] }, 'red:\n  payment/latency/call/down'],
  ['a cell that was not run', { notRun: [{ name: 'nats/reset' }] }, 'not run:\n  nats/reset'],
  ['a violated invariant', { violations: ['money: one euro too much'] }, 'does not hold at the end:\n  money: one'],
])('is not green with %s, and names it', (_, change, words) => {
  const red = { ...report, ...change };

  expect(isGreen(report)).toBe(true);
  expect(isGreen(red)).toBe(false);
  expect(renderSummary(red)).toContain(words);
  expect(JSON.parse(toJson(red))).toMatchObject({ seed: 7, isGreen: false });
});

it('is not green when nothing was tried', () => {
  expect(isGreen({ ...report, results: [] })).toBe(false);
});
