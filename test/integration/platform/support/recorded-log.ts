// A real logger whose lines a test can read.
import { createLog, type Logger } from '#services/platform/observability/log.ts';

export type RecordedLog = {
  readonly log: Logger;
  readonly lines: Readonly<Record<string, unknown>>[];
};

/** Creates a logger that keeps its lines from `info` on. */
export function recordLog(service: string): RecordedLog {
  const lines: RecordedLog['lines'] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { lines, log: createLog({ service, level: 'info', destination }) };
}
