// Flow control of one direction of an HTTP/2 connection in which the proxy holds back DATA of some streams.
//
// The receiver never sees held DATA and so never returns the connection credit it took. The other streams would starve. The
// proxy therefore advances the credit of held bytes to the sender itself, and deducts it from the receiver's later
// WINDOW_UPDATEs once the held bytes have been forwarded:
//
//   credit returned to the sender = credit granted by the receiver + bytes held or discarded here - advances forwarded later

import { writeWindowUpdate } from './frame.ts';

type ConnectionWindowOptions = {
  /** Sends bytes on to the receiver. */
  send(bytes: Buffer): void;
  /** Sends bytes back to the sender. */
  answer(bytes: Buffer): void;
  /** The most credit to advance. Beyond it the sender stops by itself, as it would for a slow receiver. */
  readonly maxAdvanceBytes: number;
};

const INITIAL_CREDIT = 65_535;

export class ConnectionWindow {
  readonly #options: ConnectionWindowOptions;
  // How many more bytes the receiver accepts.
  #credit = INITIAL_CREDIT;
  // Advances whose bytes were forwarded: deducted from the receiver's next credit.
  #debt = 0;
  // Advances whose bytes are still held.
  #advanced = 0;
  #queue: { readonly bytes: Buffer; readonly cost: number }[] = [];
  #queuedBytes = 0;

  constructor(options: ConnectionWindowOptions) {
    this.#options = options;
  }

  /** How many bytes wait for credit from the receiver. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Sends a frame on, in order. `cost` is the number of bytes it takes from the window: 0 except for DATA. */
  send(bytes: Buffer, cost: number): void {
    if (this.#queue.length > 0 || cost > this.#credit) {
      this.#queue.push({ bytes, cost });
      this.#queuedBytes += bytes.length;
      return;
    }
    this.#credit -= cost;
    this.#options.send(bytes);
  }

  /** Takes credit that the receiver granted for the whole connection. */
  grant(credit: number): void {
    this.#credit += credit;
    const repaid = Math.min(this.#debt, credit);
    this.#debt -= repaid;
    if (credit > repaid) this.#options.answer(writeWindowUpdate(0, credit - repaid));
    this.#drain();
  }

  /** Returns the credit that a frame took to its sender, because the receiver will never see the frame. */
  returnCredit(bytes: number): void {
    if (bytes > 0) this.#options.answer(writeWindowUpdate(0, bytes));
  }

  /** Starts the account of a stream whose DATA may be held back. */
  openStream(): StreamCredit {
    return new StreamCredit({
      acquire: (bytes, isForced) => {
        if (!isForced && this.#advanced + bytes > this.#options.maxAdvanceBytes) return false;
        this.#advanced += bytes;
        this.returnCredit(bytes);
        return true;
      },
      forwarded: (bytes) => {
        this.#advanced -= bytes;
        this.#debt += bytes;
      },
      discarded: (bytes) => {
        this.#advanced -= bytes;
      },
    });
  }

  #drain(): void {
    let sent = 0;
    for (const { bytes, cost } of this.#queue) {
      if (cost > this.#credit) break;
      this.#credit -= cost;
      this.#queuedBytes -= bytes.length;
      sent += 1;
      this.#options.send(bytes);
    }
    if (sent > 0) this.#queue = this.#queue.slice(sent);
  }
}

type Advances = {
  /** Advances credit to the sender. Returns false if that would exceed the limit. */
  acquire(bytes: number, isForced: boolean): boolean;
  /** Records that advanced bytes were forwarded to the receiver. */
  forwarded(bytes: number): void;
  /** Records that advanced bytes will never be forwarded. */
  discarded(bytes: number): void;
};

/** The account of one stream's DATA in one direction: how many bytes are held, and how much credit was advanced for them. */
export class StreamCredit {
  readonly #advances: Advances;
  #held = 0;
  #advanced = 0;

  constructor(advances: Advances) {
    this.#advances = advances;
  }

  /** Records DATA that arrived. */
  receive(bytes: number): void {
    this.#held += bytes;
  }

  /** Records DATA that is forwarded. */
  pass(bytes: number): void {
    const advanced = Math.min(this.#advanced, bytes);
    this.#held -= bytes;
    this.#advanced -= advanced;
    this.#advances.forwarded(advanced);
  }

  /** Advances credit to the sender for the bytes that are held now. */
  advance(isForced = false): void {
    const bytes = this.#held - this.#advanced;
    if (bytes > 0 && this.#advances.acquire(bytes, isForced)) this.#advanced += bytes;
  }

  /** Ends the account with its stream. Held bytes are never forwarded, so their credit stays with the sender. */
  close(): void {
    this.advance(true);
    this.#advances.discarded(this.#advanced);
    this.#held = 0;
    this.#advanced = 0;
  }
}
