// `make crash-matrix`: kills each service before and after everything it does at its outside ports, and shows that every promise holds.
// SERVICE=order and ONLY='words of a row' narrow it, STACKS=1 to 4 sets how many stacks share the rows, `--list` shows the points.
import process from 'node:process';
import { countPoints, derivePoints, findMissingKinds, isWanted, listRows, type Recorded, type Row } from './points.ts';
import { runRow } from './run-row.ts';
import { STEPS } from './scenario.ts';
import { recordScenario, type StackWorker, startStackWorker } from './stack-worker.ts';
import { isRed, type RowResult, renderCounts, renderHead, renderPoint, renderRow, renderSummary } from './table.ts';

/** As many as tell what always happens from what just happened to be so. */
const RECORDINGS = 3;
const LIMIT_MS = 15 * 60 * 1_000;
/** After as many red rows the rest would only say the same again. */
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
  async run(workers: number, isListOnly: boolean): Promise<number> {
    print(`starting ${workers} ${workers === 1 ? 'stack' : 'stacks'} and recording the scenario ${RECORDINGS} times`);
    const opened = await Promise.all(Array.from({ length: workers }, () => this.#startStackWorker()));
    const { points, unstable } = derivePoints(await record(opened), Object.keys(STEPS));
    const missing = findMissingKinds(points);
    if (missing.length > 0) throw new Error(`the recording lacks what cannot be missing: ${missing.join(', ')}`);
    const filter = { service: process.env.SERVICE, only: process.env.ONLY };
    this.#queue = listRows(points).filter((row) => isWanted(row, filter));
    this.#total = this.#queue.length;
    if (isListOnly) for (const point of points) print(renderPoint(point));
    print(
      `${points.length} points, each before and after: ${this.#total} rows wanted\n${renderCounts(countPoints(points))}`,
    );
    if (unstable.length > 0) print(`left out, because not every recording has them:\n  ${unstable.join('\n  ')}`);
    if (isListOnly) return 0;
    if (this.#total === 0) throw new Error('no row matches SERVICE and ONLY');
    print(renderHead());
    await Promise.all(opened.map((worker) => this.#work(worker)));
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    print(`\n${renderSummary(this.#results, this.#queue, seconds)}`);
    return this.#queue.length > 0 || this.#results.some(isRed) ? 1 : 0;
  }

  /** Stops every stack. Whatever still works on a row fails, and is not heard any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'));
    await Promise.all([...this.#open].map((worker) => worker[Symbol.asyncDispose]()));
  }

  async #work(first: StackWorker): Promise<void> {
    let worker = first;
    for (;;) {
      const row = this.#isEnough() ? undefined : this.#queue.shift();
      if (row === undefined) return;
      const linesBefore = worker.output.length;
      const result = await runRow(worker, row);
      if (this.#stopping.signal.aborted) return;
      this.#results.push(result);
      print(renderRow(result, `${this.#results.length}/${this.#total}`));
      if (!isRed(result)) continue;
      printOutput(worker, row, linesBefore);
      // What is broken stays broken: the next row gets a stack of its own.
      await this.#closeLane(worker);
      worker = await this.#startStackWorker();
    }
  }

  #isEnough(): boolean {
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

/** Records the scenario as often as it takes to tell what always happens, the workers at once. */
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

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function readWorkerCount(value = '3'): number {
  const workers = Number(value);
  if (!Number.isInteger(workers) || workers < 1 || workers > 4) throw new Error('STACKS: must be a number from 1 to 4');
  return workers;
}

const matrix = new Matrix();
const stopOn = (signal: NodeJS.Signals, code: number): void => {
  process.once(signal, () => {
    print('\nstopping');
    matrix.stop().then(
      () => process.exit(code),
      (error: unknown) => {
        print(String(error));
        process.exit(1);
      },
    );
  });
};
stopOn('SIGINT', 130);
stopOn('SIGTERM', 143);
try {
  process.exitCode = await matrix.run(readWorkerCount(process.env.STACKS), process.argv.includes('--list'));
} catch (error) {
  print(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await matrix.stop();
}
