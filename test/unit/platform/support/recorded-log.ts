// A real logger whose lines a test can read.
import { createLog, type Logger } from '#services/platform/observability/log.ts';

export type LogLine = Readonly<Record<string, unknown>>;

export type RecordedLog = {
  readonly log: Logger;
  readonly lines: LogLine[];
  /** The messages of the lines of one level, in their order. */
  messages(level: string): unknown[];
};

/** Creates a logger that keeps its lines. */
export function recordLog(level = 'trace'): RecordedLog {
  const lines: LogLine[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return {
    log: createLog({ service: 'order', level, destination }),
    lines,
    messages: (wanted) => lines.filter((line) => line.level === wanted).map((line) => line.msg),
  };
}
