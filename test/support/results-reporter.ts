// The reporter that writes a run's results to a file as vitest's own JSON, with the errors that belong to no test as `unhandledErrors`.
import { readFile, writeFile } from 'node:fs/promises';
import { JsonReporter, type Reporter, type TestModule } from 'vitest/node';

type RunEndParameters = Parameters<NonNullable<Reporter['onTestRunEnd']>>;

export class ResultsReporter extends JsonReporter {
  readonly #file: string;

  constructor(file: string) {
    super({ outputFile: file });
    this.#file = file;
  }

  override async onTestRunEnd(modules: readonly TestModule[], errors: RunEndParameters[1] = []): Promise<void> {
    await super.onTestRunEnd(modules);
    const unhandledErrors = errors.map(({ stack, message }) => String(stack ?? message));
    const results = JSON.parse(await readFile(this.#file, 'utf8'));
    await writeFile(this.#file, JSON.stringify({ ...results, unhandledErrors }));
  }
}
