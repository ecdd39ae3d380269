// One direction of a connection or a call: pieces go through the stages that faults have put there, and out at the end.

import type { Pass, Piece, Stage } from './stage.ts';

interface Entry {
  readonly stage: Stage;
  readonly pass: Pass;
}

export class Lane {
  readonly #send: Pass;
  readonly #onChange: () => void;
  #entries: Entry[] = [];
  #state: 'open' | 'ended' | 'closed' = 'open';
  #onOver: (() => void)[] = [];

  /**
   * @param send takes the pieces that come out.
   * @param onChange told when stages may hold less than before, outside of `push`.
   */
  constructor(send: Pass, onChange: () => void = () => undefined) {
    this.#send = send;
    this.#onChange = onChange;
  }

  /** Whether pieces pass as they are. */
  get isFree(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether it takes no more: it was closed, or its last piece is out. */
  get isOver(): boolean {
    return this.#state !== 'open';
  }

  get heldBytes(): number {
    return this.#entries.reduce((sum, { stage }) => sum + stage.heldBytes, 0);
  }

  push(piece: Piece): void {
    if (this.#state !== 'open') return;
    const [first] = this.#entries;
    if (first === undefined) this.#finish(piece);
    else first.stage.take(piece, first.pass);
  }

  /** Puts a stage at the end. Returns what takes it out again, passing on what it holds. */
  insert(stage: Stage): () => void {
    const pass: Pass = (piece) => {
      this.#passOn(entry, piece);
      this.#onChange();
    };
    const entry: Entry = { stage, pass };
    this.#entries.push(entry);
    return () => {
      if (!this.#entries.includes(entry)) return;
      stage.release(pass);
      this.#entries = this.#entries.filter((other) => other !== entry);
      this.#onChange();
    };
  }

  /** Calls `listener` once the lane takes no more. */
  onOver(listener: () => void): void {
    if (this.#state === 'open') this.#onOver.push(listener);
    else listener();
  }

  /** Drops what the stages hold, and whatever comes after. */
  close(): void {
    this.#endAs('closed');
    for (const { stage } of this.#entries) stage.discard();
    this.#entries = [];
  }

  #passOn(entry: Entry, piece: Piece): void {
    if (this.#state !== 'open') return;
    const next = this.#entries[this.#entries.indexOf(entry) + 1];
    if (next === undefined) this.#finish(piece);
    else next.stage.take(piece, next.pass);
  }

  #finish(piece: Piece): void {
    if (piece.isLast) this.#endAs('ended');
    this.#send(piece);
  }

  #endAs(state: 'ended' | 'closed'): void {
    this.#state = state;
    const listeners = this.#onOver;
    this.#onOver = [];
    for (const listener of listeners) listener();
  }
}
