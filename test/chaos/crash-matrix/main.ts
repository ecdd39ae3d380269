// `make crash-matrix`: SIGKILLs each service before and after every external operation (statement, commit, publish, ack, call) and
// judges every invariant afterwards.
import process from 'node:process';
import { print, runCommand } from '../../support/command.ts';
import { countPoints, derivePoints, findMissingKinds, isWanted, listRows, type Recorded, type Row } from './points.ts';
import { runRow } from './run-row.ts';
import { STEPS } from './scenario.ts';
import { HELP, type MatrixSettings, readMatrixSettings } from './settings.ts';
import { recordScenario, type StackWorker, startStackWorker } from './stack-worker.ts';
import { isRed, type RowResult, renderCounts, renderHead, renderPoint, renderRow, renderSummary } from './table.ts';

/** Recordings are compared, so that operations that do not always happen are left out. */
const RECORDINGS = 3;
const LIMIT_MS = 15 * 60 * 1_000;
/** After so many red rows the run stops. */
const MAX_RED = 25;
const LINES_SHOWN = 12;
const LINE_LENGTH = 400;

class Matrix {
  readonly #startedAt = performance.now();
  readonly #stopping = new AbortController();
  readonly #open = new Set<StackWorker>();
  readonly #results: RowResult[] = [];
  #queue: Row[] = [];
  #total = 0;

  /** Runs everything; returns the exit code. */
  async run({ stacks: workers, isListOnly, ...filter }: MatrixSettings): Promise<number> {
    print(`starting ${workers} ${workers === 1 ? 'stack' : 'stacks'} and recording the scenario ${RECORDINGS} times`);
    const opened = await Promise.all(Array.from({ length: workers }, () => this.#startStackWorker()));
    const { points, unstable } = derivePoints(await record(opened), Object.keys(STEPS));
    const missing = findMissingKinds(points);
    if (missing.length > 0) throw new Error(`the recording lacks required operations: ${missing.join(', ')}`);
    this.#queue = listRows(points).filter((row) => isWanted(row, filter));
    this.#total = this.#queue.length;
    if (isListOnly) for (const point of points) print(renderPoint(point));
    print(
      `${points.length} points, each before and after: ${this.#total} rows wanted\n${renderCounts(countPoints(points))}`,
    );
    if (unstable.length > 0) print(`left out, because not every recording has them:\n  ${unstable.join('\n  ')}`);
    if (isListOnly) return 0;
    if (this.#total === 0) throw new Error('no row matches --service and --only');
    print(renderHead());
    await Promise.all(opened.map((worker) => this.#work(worker)));
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    print(`\n${renderSummary(this.#results, this.#queue, seconds)}`);
    return this.#queue.length > 0 || this.#results.some(isRed) ? 1 : 0;
  }

  /** Stops every stack. The result of a row in progress is discarded. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'));
    await Promise.all([...this.#open].map((worker) => worker[Symbol.asyncDispose]()));
  }

  async #work(first: StackWorker): Promise<void> {
    let worker = first;
    for (;;) {
      const row = this.#isOver() ? undefined : this.#queue.shift();
      if (row === undefined) return;
      const linesBefore = worker.output.length;
      const result = await runRow(worker, row);
      if (this.#stopping.signal.aborted) return;
      this.#results.push(result);
      print(renderRow(result, `${this.#results.length}/${this.#total}`));
      if (!isRed(result)) continue;
      printOutput(worker, row, linesBefore);
      // A violated invariant stays violated: the next row needs a new stack.
      await this.#closeLane(worker);
      worker = await this.#startStackWorker();
    }
  }

  #isOver(): boolean {
    const isLate = performance.now() - this.#startedAt > LIMIT_MS;
    return this.#stopping.signal.aborted || isLate || this.#results.filter(isRed).length >= MAX_RED;
  }

  async #startStackWorker(): Promise<StackWorker> {
    const worker = await startStackWorker(this.#stopping.signal);
    this.#open.add(worker);
    return worker;
  }

  async #closeLane(worker: StackWorker): Promise<void> {
    this.#open.delete(worker);
    await worker[Symbol.asyncDispose]();
  }
}

/** Records the scenario several times, the workers in parallel. */
async function record(workers: readonly StackWorker[]): Promise<Recorded[][]> {
  const recordings: Recorded[][] = [];
  for (let index = 0; index < RECORDINGS; index += workers.length) {
    recordings.push(...(await Promise.all(workers.slice(0, RECORDINGS - index).map(recordScenario))));
  }
  return recordings;
}

function printOutput({ output }: StackWorker, { service }: Row, linesBefore: number): void {
  const lines = output.slice(linesBefore).filter((line) => line.startsWith(`${service} `) || line.startsWith('stack '));
  for (const line of lines.slice(-LINES_SHOWN)) print(`        | ${line.slice(0, LINE_LENGTH)}`);
}

await runCommand(async (args, signal) => {
  const settings = readMatrixSettings(args, process.env);
  if (settings === undefined) {
    print(HELP);
    return 0;
  }
  const matrix = new Matrix();
  const stop = (): void => void matrix.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await matrix.run(settings);
  } finally {
    await matrix.stop();
  }
});
