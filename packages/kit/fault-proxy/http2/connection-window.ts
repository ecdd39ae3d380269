// Flow control of one direction of an HTTP/2 connection, where some streams are held back and others must not suffer for it:
// the sender is lent credit for what the proxy keeps, and pays it back from the receiver's next credit.

import { writeWindowUpdate } from './frame.ts';

interface WindowPort {
  /** Sends bytes on to the receiver. */
  send(bytes: Buffer): void;
  /** Sends bytes back to the sender. */
  answer(bytes: Buffer): void;
  /** Past this the sender is lent nothing more and stops by itself, as it would for a slow receiver. */
  readonly lendingLimitBytes: number;
}

const initialCredit = 65_535;

export class ConnectionWindow {
  readonly #port: WindowPort;
  // What the receiver still takes.
  #credit = initialCredit;
  // What the sender was lent and the receiver has got by now: taken out of the receiver's next credit.
  #debt = 0;
  #lent = 0;
  #queue: { readonly bytes: Buffer; readonly cost: number }[] = [];
  #queuedBytes = 0;

  constructor(port: WindowPort) {
    this.#port = port;
  }

  /** What waits for credit of the receiver. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Sends a frame on, in order; `cost` is the number of bytes it takes from the window, 0 for all but DATA. */
  send(bytes: Buffer, cost: number): void {
    if (this.#queue.length > 0 || cost > this.#credit) {
      this.#queue.push({ bytes, cost });
      this.#queuedBytes += bytes.length;
      return;
    }
    this.#credit -= cost;
    this.#port.send(bytes);
  }

  /** Takes credit that the receiver gave for the whole connection. */
  grant(credit: number): void {
    this.#credit += credit;
    const repaid = Math.min(this.#debt, credit);
    this.#debt -= repaid;
    if (credit > repaid) this.#port.answer(writeWindowUpdate(0, credit - repaid));
    this.#drain();
  }

  /** Gives the sender back what its frame took from the window, because the receiver will never see it. */
  giveBack(bytes: number): void {
    if (bytes > 0) this.#port.answer(writeWindowUpdate(0, bytes));
  }

  /** Opens an account for a stream whose DATA may be kept back. */
  openAccount(): WindowAccount {
    return new WindowAccount({
      lend: (bytes, isForced) => {
        if (!isForced && this.#lent + bytes > this.#port.lendingLimitBytes) return false;
        this.#lent += bytes;
        this.giveBack(bytes);
        return true;
      },
      sendLent: (bytes) => {
        this.#lent -= bytes;
        this.#debt += bytes;
      },
      forgive: (bytes) => {
        this.#lent -= bytes;
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
      this.#port.send(bytes);
    }
    if (sent > 0) this.#queue = this.#queue.slice(sent);
  }
}

interface Lender {
  lend(bytes: number, isForced: boolean): boolean;
  sendLent(bytes: number): void;
  forgive(bytes: number): void;
}

/** Keeps account of one stream's DATA in one direction: what came in, what went out, what the sender was lent for the rest. */
export class WindowAccount {
  readonly #lender: Lender;
  #kept = 0;
  #lent = 0;

  constructor(lender: Lender) {
    this.#lender = lender;
  }

  /** DATA came in. */
  receive(bytes: number): void {
    this.#kept += bytes;
  }

  /** DATA goes out. */
  pass(bytes: number): void {
    const lent = Math.min(this.#lent, bytes);
    this.#kept -= bytes;
    this.#lent -= lent;
    this.#lender.sendLent(lent);
  }

  /** Lends the sender what is kept back by now. */
  settle(isForced = false): void {
    const bytes = this.#kept - this.#lent;
    if (bytes > 0 && this.#lender.lend(bytes, isForced)) this.#lent += bytes;
  }

  /** The stream is over: what is still kept never goes out, and its credit is the sender's again. */
  close(): void {
    this.settle(true);
    this.#lender.forgive(this.#lent);
    this.#kept = 0;
    this.#lent = 0;
  }
}
