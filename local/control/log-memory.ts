// The latest lines that the processes of the stack printed, to show what all of them did about one order.

const MOST_LINES = 5_000;
/** A longer line is a stack trace or a mistake. */
const LONGEST_LINE = 8_192;

export type RememberedLine = {
  readonly process: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly level: string;
  readonly message: string;
  /** Why, where the line says so. */
  readonly reason: string;
};

export type LogMemory = {
  add(process: string, line: string): void;
  /** The lines about an order, oldest first, at most `limit`. */
  findByOrder(orderId: string, limit: number): RememberedLine[];
};

/** Creates an empty memory of at most `most` lines. */
export function createLogMemory(most = MOST_LINES): LogMemory {
  const lines: { readonly process: string; readonly line: string }[] = [];
  let next = 0;
  return {
    add: (process, line) => {
      if (line.length > LONGEST_LINE) return;
      lines[next] = { process, line };
      next = (next + 1) % most;
    },
    findByOrder: (orderId, limit) =>
      lines
        .filter(({ line }) => line.includes(orderId))
        .flatMap(({ process, line }) => readLine(process, line, orderId))
        .sort((one, other) => one.time - other.time)
        .slice(-limit),
  };
}

function readLine(process: string, line: string, orderId: string): RememberedLine[] {
  const entry = parseObject(line);
  if (entry?.order_id !== orderId) return [];
  const time = new Date(String(entry.time)).getTime();
  if (Number.isNaN(time)) return [];
  const { level, msg, reason, err } = entry;
  return [{ process, time, level: textOf(level), message: textOf(msg), reason: textOf(reason) || messageOf(err) }];
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    // Not every process prints JSON.
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? textOf(error.message) : '';
}
