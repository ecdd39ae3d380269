// The reporter that tells during a run how far it is.
import type { Reporter, TestModule, TestSpecification } from 'vitest/node';

const PERIOD_MS = 10_000;

export class ProgressReporter implements Reporter {
  readonly #print: (line: string) => void;
  #files = 0;
  #ended = 0;
  #tests = 0;
  #failed = 0;
  #startMs = 0;
  #printedMs = 0;

  constructor(print: (line: string) => void = console.log) {
    this.#print = print;
  }

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    this.#files = specifications.length;
    this.#ended = 0;
    this.#tests = 0;
    this.#failed = 0;
    this.#startMs = performance.now();
    this.#printedMs = this.#startMs;
  }

  onTestModuleEnd(testModule: TestModule): void {
    this.#ended += 1;
    for (const test of testModule.children.allTests()) {
      this.#tests += 1;
      if (test.result().state === 'failed') this.#failed += 1;
    }
    const now = performance.now();
    if (now - this.#printedMs < PERIOD_MS) return;
    this.#printedMs = now;
    const seconds = Math.round((now - this.#startMs) / 1_000);
    this.#print(`${seconds} s: ${this.#ended} of ${this.#files} files, ${this.#tests} tests, ${this.#failed} failed`);
  }
}
