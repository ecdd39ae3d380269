// The process as the command line uses it. main.ts creates the real one, tests create a fake.

export type Terminal = {
  /** The package's version. */
  readonly version: string;
  /** The environment that commands run in. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Writes a line, or several, to standard output. */
  write(line: string): void;
  /** Writes a line to standard error. */
  writeError(line: string): void;
  /** Whether standard input is a file or a pipe, not a keyboard. */
  readonly hasInput: boolean;
  /** Resolves when the process is asked to end. Before the call, a signal ends the process at once. */
  awaitStop(): Promise<void>;
  /** Reads standard input to its end. */
  readInput(): Promise<string>;
};
