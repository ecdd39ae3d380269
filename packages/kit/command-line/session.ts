// One run of a command: how it prints, for people or for programs, and how it serves until it is asked to end.

import type { Terminal } from './terminal.ts';

/** A server that a command has started. */
export interface Served {
  readonly url: string;
}

export class Session {
  readonly isJson: boolean;
  readonly #terminal: Terminal;
  #exitCode = 0;

  constructor(terminal: Terminal, isJson: boolean) {
    this.#terminal = terminal;
    this.isJson = isJson;
  }

  /** 0, or 1 when the command has found something wrong. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Prints a result: `text` for people, `json` for programs. */
  print(text: string, json: object): void {
    this.#terminal.write(this.isJson ? JSON.stringify(json) : text);
  }

  printError(message: string): void {
    this.#terminal.writeError(this.isJson ? JSON.stringify({ error: message }) : `error: ${message}`);
  }

  /** Tells of what does not stop the command. */
  warn(message: string): void {
    this.#terminal.writeError(this.isJson ? JSON.stringify({ warning: message }) : `warning: ${message}`);
  }

  /** The command has found something wrong. */
  findFault(): void {
    this.#exitCode = 1;
  }

  /** Tells where the server listens, and resolves when the process is asked to end. */
  async serve({ url }: Served, more: { readonly text?: string; readonly json?: object } = {}): Promise<void> {
    // First, so that whoever reads the line may stop at once.
    const stopped = this.#terminal.awaitStop();
    this.print(`listening on ${url}${more.text ?? ''}`, { listening: url, ...more.json });
    await stopped;
  }

  /** Tells which calls found no answer; that is a fault where `isFault`. */
  tellMisses(misses: readonly string[], isFault = false): void {
    for (const miss of misses) this.print(`missed: ${miss}`, { missed: miss });
    if (isFault && misses.length > 0) this.findFault();
  }

  /** Whether somebody else than a person at a keyboard writes to standard input. */
  get hasInput(): boolean {
    return this.#terminal.hasInput;
  }

  /** Reads standard input to its end. */
  readInput(): Promise<string> {
    return this.#terminal.readInput();
  }
}
