// One run of the matrix from the platform's start to the verdict.
import { writeFile } from 'node:fs/promises';
import { checkInvariants, listViolations } from '../../support/invariants/invariants.ts';
import { type Cell, listCells } from './cells.ts';
import { type CellResult, judgeCell } from './judge.ts';
import { OrderClient } from './order-client.ts';
import { type FaultyPlatform, startFaultyPlatform } from './platform.ts';
import { isGreen, type MatrixReport, renderHead, renderResult, renderSummary, toJson } from './report.ts';
import { runCell } from './run-cell.ts';
import type { MatrixSettings } from './settings.ts';

const QUIESCENCE_LIMIT_MS = 60_000;
const LINES_SHOWN = 12;
const LINE_LENGTH = 300;

/** Runs the wanted cells and prints as it goes. Returns the report; rejects when nothing is wanted or `signal` calls it off. */
export async function runMatrix(
  { only, seed, limitMs, jsonFile }: MatrixSettings,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<MatrixReport> {
  const { cells, skipped } = listCells(only);
  if (cells.length === 0) throw new Error(`no cell has "${only}" in its name`);
  const startedAt = performance.now();
  write(`fault matrix: ${cells.length} cells, seed ${seed}; starting the platform`);
  await using platform = await startFaultyPlatform(seed, signal);
  const client = new OrderClient(platform.orders, signal);
  write(renderHead());
  const results: CellResult[] = [];
  for (const cell of cells) {
    if (performance.now() - startedAt > limitMs) break;
    results.push(await runAndShow(platform, client, cell, write, signal));
  }
  const verdicts = await checkInvariants(platform.sources, {
    acknowledged: client.acknowledged,
    timeoutMs: QUIESCENCE_LIMIT_MS,
  });
  signal.throwIfAborted();
  const seconds = (performance.now() - startedAt) / 1_000;
  const violations = listViolations(verdicts);
  const report = { seed, seconds, results, skipped, notRun: cells.slice(results.length), violations };
  write(`\n${renderSummary(report)}`);
  if (!isGreen(report)) write(`again with SEED=${seed}`);
  if (jsonFile !== undefined) await writeFile(jsonFile, toJson(report));
  return report;
}

async function runAndShow(
  platform: FaultyPlatform,
  client: OrderClient,
  cell: Cell,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<CellResult> {
  const linesBefore = platform.output.length;
  const result = await runCell(platform, client, cell, signal);
  write(renderResult(result));
  if (judgeCell(result).length === 0) return result;
  const lines = platform.output.slice(linesBefore).filter((line) => /^(order|payment|stack) /.test(line));
  for (const line of lines.slice(-LINES_SHOWN)) write(`      | ${line.slice(0, LINE_LENGTH)}`);
  return result;
}
