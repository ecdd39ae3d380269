// One run of the matrix from the platform's start to the verdict.
import { writeFile } from 'node:fs/promises';
import { checkInvariants, listViolations } from '../../support/invariants/invariants.ts';
import { type Cell, listCells } from './cells.ts';
import { type CellResult, judgeCell } from './judge.ts';
import { Desk } from './order-client.ts';
import { type FaultyPlatform, startFaultyPlatform } from './platform.ts';
import { isGreen, type MatrixReport, renderHead, renderResult, renderSummary, toJson } from './report.ts';
import { runCell } from './run-cell.ts';
import type { MatrixSettings } from './settings.ts';

const REST_MS = 60_000;
const LINES_SHOWN = 12;
const LINE_LENGTH = 300;

/** Runs the wanted cells and prints as it goes. Returns the report; rejects when nothing is wanted or `signal` calls it off. */
export async function runMatrix(
  { only, seed, limitMs, jsonFile }: MatrixSettings,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<MatrixReport> {
  const { cells, leftOut } = listCells(only);
  if (cells.length === 0) throw new Error(`no cell has "${only}" in its name`);
  const beganAt = performance.now();
  write(`fault matrix: ${cells.length} cells, seed ${seed}; starting the platform`);
  await using platform = await startFaultyPlatform(seed, signal);
  const desk = new Desk(platform.orders, signal);
  write(renderHead());
  const results: CellResult[] = [];
  for (const cell of cells) {
    if (performance.now() - beganAt > limitMs) break;
    results.push(await runAndShow(platform, desk, cell, write, signal));
  }
  const verdicts = await checkInvariants(platform.sources, { acknowledged: desk.acknowledged, timeoutMs: REST_MS });
  signal.throwIfAborted();
  const seconds = (performance.now() - beganAt) / 1_000;
  const violations = listViolations(verdicts);
  const report = { seed, seconds, results, leftOut, notRun: cells.slice(results.length), violations };
  write(`\n${renderSummary(report)}`);
  if (!isGreen(report)) write(`again with SEED=${seed}`);
  if (jsonFile !== undefined) await writeFile(jsonFile, toJson(report));
  return report;
}

async function runAndShow(
  platform: FaultyPlatform,
  desk: Desk,
  cell: Cell,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<CellResult> {
  const linesBefore = platform.output.length;
  const result = await runCell(platform, desk, cell, signal);
  write(renderResult(result));
  if (judgeCell(result).length === 0) return result;
  const lines = platform.output.slice(linesBefore).filter((line) => /^(order|payment|stack) /.test(line));
  for (const line of lines.slice(-LINES_SHOWN)) write(`      | ${line.slice(0, LINE_LENGTH)}`);
  return result;
}
