// What the command line has of the process around it. main.ts makes the real one, tests make their own.

export interface Terminal {
  /** The package's version. */
  readonly version: string;
  /** Writes a line, or several, to standard output. */
  write(line: string): void;
  /** Writes a line to standard error. */
  writeError(line: string): void;
  /** Whether standard input is a file or a pipe, and no keyboard. */
  readonly hasInput: boolean;
  /** Resolves when the process is asked to end. Until it is called, the process ends at once. */
  awaitStop(): Promise<void>;
  /** Reads standard input to its end. */
  readInput(): Promise<string>;
}
