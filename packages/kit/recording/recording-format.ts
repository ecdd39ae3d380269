// A recording as text: one line of JSON that says what it is, then a line for each exchange, in the order of their ends.
// A line is complete or it is not there, so that a process killed half-way leaves every exchange that had ended.

import type { NewExchange, RecordedExchange, Recording } from './exchange.ts';
import { RecordingError } from './recording-error.ts';

const formatVersion = 1;

/** Returns the first line of a recording. */
export function renderHead(): string {
  return renderLine({ touchstone: 'recording', formatVersion });
}

/** Returns the line of an exchange. */
export function renderExchange(exchange: NewExchange): string {
  return renderLine({ exchange });
}

/** Returns the line that says why nothing follows though there were more calls. */
export function renderFull(reason: string): string {
  return renderLine({ full: reason });
}

function renderLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * Returns the recording that a text holds. A last line without an end was torn when its process was killed: it is left
 * out, and a warning says so.
 *
 * @param source the file's name, for errors.
 * @throws RecordingError naming the line that cannot be read, or when the text is no recording of this version.
 */
export function parseRecording(text: string, source: string): Recording {
  const lines = text.split('\n');
  const torn = lines.pop();
  const [head, ...rest] = lines.map((line, index) => parseLine(line, `${source}:${index + 1}`));
  assertHead(head, source);
  const exchanges: RecordedExchange[] = [];
  const warnings: string[] = [];
  for (const [index, line] of rest.entries()) {
    if (isExchange(line)) exchanges.push({ number: exchanges.length + 1, ...line.exchange });
    else if (typeof line.full === 'string') warnings.push(`${source}: ${line.full}`);
    else throw new RecordingError(`${source}:${index + 2}: is no exchange`);
  }
  if (torn !== undefined && torn !== '') warnings.push(`${source}: the last line is torn and left out`);
  return { exchanges, warnings };
}

type Line = Readonly<Record<string, unknown>>;

function parseLine(text: string, place: string): Line {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === 'object' && line !== null) return line as Line;
  } catch (error) {
    throw new RecordingError(`${place}: is not JSON`, { cause: error });
  }
  throw new RecordingError(`${place}: is no object`);
}

function assertHead(head: Line | undefined, source: string): void {
  if (head?.touchstone !== 'recording') throw new RecordingError(`${source}: is no recording`);
  if (head.formatVersion === formatVersion) return;
  throw new RecordingError(`${source}: has the format version ${head.formatVersion}, and this reads ${formatVersion}`);
}

function isExchange(line: Line): line is { exchange: NewExchange } {
  const { exchange } = line as { exchange?: Partial<NewExchange> };
  return (
    typeof exchange?.rpc === 'string' &&
    Array.isArray(exchange.request?.messages) &&
    Array.isArray(exchange.response?.messages)
  );
}
