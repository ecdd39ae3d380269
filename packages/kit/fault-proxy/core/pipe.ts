// One direction of a connection or call: chunks pass through the stages that faults inserted, first to last, and out.

import type { Chunk, Pass, Stage } from './chunk.ts';

type Entry = {
  readonly stage: Stage;
  readonly pass: Pass;
};

export class Pipe {
  readonly #send: Pass;
  readonly #onChange: () => void;
  #entries: Entry[] = [];
  #state: 'open' | 'ended' | 'closed' = 'open';
  #endListeners: (() => void)[] = [];

  /**
   * @param send receives the chunks that come out.
   * @param onChange called when stages may hold fewer bytes than before, other than during `push`.
   */
  constructor(send: Pass, onChange: () => void = () => undefined) {
    this.#send = send;
    this.#onChange = onChange;
  }

  /** Whether it has no stage, so that chunks pass unchanged. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether it accepts no more chunks: it was closed, or its last chunk has come out. */
  get isOver(): boolean {
    return this.#state !== 'open';
  }

  get heldBytes(): number {
    return this.#entries.reduce((sum, { stage }) => sum + stage.heldBytes, 0);
  }

  push(chunk: Chunk): void {
    if (this.#state !== 'open') return;
    const [first] = this.#entries;
    if (first === undefined) this.#sendOut(chunk);
    else first.stage.take(chunk, first.pass);
  }

  /** Adds a stage at the end. Returns a function that removes it and passes on the chunks it holds. */
  insert(stage: Stage): () => void {
    const pass: Pass = (chunk) => {
      this.#passOn(entry, chunk);
      this.#onChange();
    };
    const entry: Entry = { stage, pass };
    this.#entries.push(entry);
    return () => {
      if (!this.#entries.includes(entry)) return;
      stage.release(pass);
      this.#entries = this.#entries.filter((candidate) => candidate !== entry);
      this.#onChange();
    };
  }

  /** Calls `listener` once the pipe accepts no more chunks; at once if that is already so. */
  onOver(listener: () => void): void {
    if (this.#state === 'open') this.#endListeners.push(listener);
    else listener();
  }

  /** Discards the held chunks and all later ones. */
  close(): void {
    this.#endAs('closed');
    for (const { stage } of this.#entries) stage.discard();
    this.#entries = [];
  }

  #passOn(entry: Entry, chunk: Chunk): void {
    if (this.#state !== 'open') return;
    const next = this.#entries[this.#entries.indexOf(entry) + 1];
    if (next === undefined) this.#sendOut(chunk);
    else next.stage.take(chunk, next.pass);
  }

  #sendOut(chunk: Chunk): void {
    if (chunk.isLast) this.#endAs('ended');
    this.#send(chunk);
  }

  #endAs(state: 'ended' | 'closed'): void {
    this.#state = state;
    const listeners = this.#endListeners;
    this.#endListeners = [];
    for (const listener of listeners) listener();
  }
}
