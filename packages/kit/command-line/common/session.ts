// The run of one command: its output, as text or JSON, its exit code, and the wait for the end of a command that serves.

import type { Terminal } from './terminal.ts';

/** A server that a command started. */
export type Served = {
  readonly url: string;
  /** The address it listens on. */
  readonly host: string;
};

// A server on one of these can be called from other machines, which its URL does not show.
export const EVERY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

export class Session {
  readonly isJson: boolean;
  readonly #terminal: Terminal;
  #exitCode = 0;

  constructor(terminal: Terminal, isJson: boolean) {
    this.#terminal = terminal;
    this.isJson = isJson;
  }

  /** The environment that commands run in. */
  get environment(): Terminal['environment'] {
    return this.#terminal.environment;
  }

  /** 0, or 1 if the command found a problem. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Prints a result, as text or with `--json` as JSON. */
  print(text: string, json: object): void {
    this.#terminal.write(this.isJson ? JSON.stringify(json) : text);
  }

  printError(message: string): void {
    this.#terminal.writeError(this.isJson ? JSON.stringify({ error: message }) : `error: ${message}`);
  }

  /** Prints a problem that does not stop the command. */
  warn(message: string): void {
    this.#terminal.writeError(this.isJson ? JSON.stringify({ warning: message }) : `warning: ${message}`);
  }

  /** Prints a line on standard error that belongs to no result. */
  note(text: string, json: object): void {
    this.#terminal.writeError(this.isJson ? JSON.stringify(json) : text);
  }

  /** Sets the exit code for a problem that the command found. */
  fail(): void {
    this.#exitCode = 1;
  }

  /** Resolves when the process is asked to end. From this call on, the first such signal does not end it at once. */
  awaitStop(): Promise<void> {
    return this.#terminal.awaitStop();
  }

  /** Prints the address of the server, and resolves when the process is asked to end. */
  async serve({ url, host }: Served, more: { readonly text?: string; readonly json?: object } = {}): Promise<void> {
    // Signals are handled before the line is printed, because its reader may stop the process at once.
    const stopped = this.#terminal.awaitStop();
    const where = EVERY_ADDRESS.includes(host) ? `${url} and every other address of this machine` : url;
    this.print(`listening on ${where}${more.text ?? ''}`, { listening: url, host, ...more.json });
    await stopped;
  }

  /** Prints the unmatched calls. With `fails` they are a problem. */
  reportUnmatched(calls: readonly string[], fails = false): void {
    for (const call of calls) this.print(`unmatched: ${call}`, { unmatched: call });
    if (fails && calls.length > 0) this.fail();
  }

  /** Whether standard input is a file or a pipe, not a keyboard. */
  get hasInput(): boolean {
    return this.#terminal.hasInput;
  }

  /** Reads standard input to its end. */
  readInput(): Promise<string> {
    return this.#terminal.readInput();
  }
}
