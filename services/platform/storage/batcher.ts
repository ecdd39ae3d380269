// Automatic batching (group commit): items that arrive while a batch runs are collected, and run together as the next batch.
import { DomainError } from '../base/errors.ts';
import { isDatabaseOutage } from './database.ts';

const DEFAULT_MAX_SIZE = 64;
// How long the next batch waits for the one before it; a statement takes a few milliseconds.
const PATIENCE_MS = 50;
const MAX_RUNNING = 4;

export type BatcherOptions<Item, Result> = {
  /** Runs the items together, all or none of them; returns one result for each, in the same order. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Items of equal keys never share a batch: the later one waits for the next. Without it, all items may share one. */
  readonly keyOf?: (item: Item) => string;
  /** The most items of a batch. Default 64. */
  readonly maxSize?: number;
};

type Entry<Item, Result> = {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Creates a function that runs an item, alone or with others, and resolves with the item's own result. An item that arrives while
 * nothing runs is run at once, with those received in the same turn of the event loop. When a batch fails, its items run one at a time, so that each gets its own result or error; in an
 * outage all of them fail. A batch that takes long, as one that waits for a lock, does not hold up the next ones.
 */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { run, keyOf, maxSize = DEFAULT_MAX_SIZE } = options;
  let waiting: Entry<Item, Result>[] = [];
  let running = 0;
  let isScheduled = false;
  let patience: NodeJS.Timeout | undefined;

  const takeBatch = (): Entry<Item, Result>[] => {
    const keys = new Set<string>();
    const batch: Entry<Item, Result>[] = [];
    const left: Entry<Item, Result>[] = [];
    for (const entry of waiting) {
      const key = keyOf?.(entry.item);
      if (batch.length === maxSize || (key !== undefined && keys.has(key))) {
        left.push(entry);
        continue;
      }
      if (key !== undefined) keys.add(key);
      batch.push(entry);
    }
    waiting = left;
    return batch;
  };

  const runWaiting = async (): Promise<void> => {
    isScheduled = false;
    running += 1;
    while (waiting.length > 0) {
      clearTimeout(patience);
      patience = undefined;
      await runBatch(run, takeBatch());
    }
    running -= 1;
  };

  // Not before the other calls and events that were received together have come this far.
  const scheduleRun = (): void => {
    if (!isScheduled) setImmediate(runWaiting);
    isScheduled = true;
  };

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (running === 0) scheduleRun();
      else if (running < MAX_RUNNING) patience ??= setTimeout(runWaiting, PATIENCE_MS);
    });
}

// Never throws: every entry is settled.
async function runBatch<Item, Result>(
  run: BatcherOptions<Item, Result>['run'],
  entries: readonly Entry<Item, Result>[],
): Promise<void> {
  try {
    const results = await run(entries.map(({ item }) => item));
    if (results.length !== entries.length) throw new ResultCountError();
    for (const [index, { resolve }] of entries.entries()) resolve(results[index] as Result);
  } catch (error) {
    if (entries.length === 1 || !isOfOneItem(error)) {
      for (const { reject } of entries) reject(error);
      return;
    }
    for (const entry of entries) await runBatch(run, [entry]);
  }
}

// The statement may have been committed, so its items are not run again. Only a fault in the code of a batch leads here.
class ResultCountError extends Error {
  override readonly name = 'ResultCountError';

  constructor() {
    super('a batch returned another number of results than it has items');
  }
}

// Whether one item may have failed the batch. An outage fails every item; a deadlock is an outage to a single statement only.
function isOfOneItem(error: unknown): boolean {
  if (error instanceof ResultCountError) return false;
  if (!isDatabaseOutage(error)) return true;
  const code = error instanceof DomainError ? (error.cause as { code?: unknown } | undefined)?.code : undefined;
  return typeof code === 'string' && code.startsWith('40');
}
