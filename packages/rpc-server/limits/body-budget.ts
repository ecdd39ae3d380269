// The memory for request bodies. Bodies that have arrived in part cost their caller nothing, so all of them together have a limit. When it
// is exceeded, the connection that holds the most loses its oldest incomplete body:
//
//   connection A   ████████████░░░░   ██████░░░░   ████████░░     the most bytes: its oldest body is rejected
//   connection B   ██░░
//   connection C   █ (complete: it is being served, and only counted)
//
// So a caller that sends short bodies at once is served while others hold back theirs.

/** What an incomplete body counts in addition to its bytes: Node's objects for the request. It limits the number of small bodies. */
const OVERHEAD_BYTES = 16 * 1024;

/** A body within the budget. */
export type BudgetedBody = {
  /** Sets how many bytes have arrived; may reject a body, this one too. */
  hold(bytes: number): void;
  /** The body is complete: it still counts, but is no longer rejected. */
  complete(): void;
  /** The call is over. */
  release(): void;
};

type Entry = { readonly connection: unknown; readonly reject: () => void; bytes: number; isComplete: boolean };

/** The bodies of all requests of a server. */
export class BodyBudget {
  readonly #maxBytes: number;
  /** Oldest first. */
  readonly #entries = new Set<Entry>();
  #heldBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The bytes held now, overhead included. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Adds a body that has not arrived yet.
   *
   * @param reject called at most once, when the body has to go; it then holds nothing.
   */
  open(connection: unknown, reject: () => void): BudgetedBody {
    const entry: Entry = { connection, reject, bytes: 0, isComplete: false };
    this.#entries.add(entry);
    return {
      hold: (bytes) => {
        if (!this.#entries.has(entry)) return;
        this.#setBytes(entry, bytes + (entry.isComplete ? 0 : OVERHEAD_BYTES));
        while (this.#heldBytes > this.#maxBytes) this.#evict(entry);
      },
      complete: () => {
        if (entry.isComplete || !this.#entries.has(entry)) return;
        entry.isComplete = true;
        this.#setBytes(entry, Math.max(0, entry.bytes - OVERHEAD_BYTES));
      },
      release: () => this.#remove(entry),
    };
  }

  // When all others are complete, only the new one can go.
  #evict(newest: Entry): void {
    const victim = this.#oldestOfLargestConnection() ?? newest;
    this.#remove(victim);
    victim.reject();
  }

  #oldestOfLargestConnection(): Entry | undefined {
    const incomplete = [...this.#entries].filter((entry) => !entry.isComplete);
    const bytesOf = new Map<unknown, number>();
    for (const { connection, bytes } of incomplete) bytesOf.set(connection, (bytesOf.get(connection) ?? 0) + bytes);
    const [largest] = [...bytesOf].reduce<readonly [unknown, number]>((a, b) => (b[1] > a[1] ? b : a), [undefined, -1]);
    return incomplete.find(({ connection, bytes }) => connection === largest && bytes > 0);
  }

  #remove(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    this.#heldBytes -= entry.bytes;
  }

  #setBytes(entry: Entry, bytes: number): void {
    this.#heldBytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }
}
