// The format of recordings: newline-delimited JSON. The first line identifies the format; each further line is an exchange, in the
// order in which the exchanges ended. If the recorder is killed, every exchange that had ended is complete.

import type { NewExchange, RecordedExchange, Recording } from './exchange.ts';
import { RecordingError } from './recording-error.ts';

const FORMAT_VERSION = 1;

/** Returns the first line of a recording. */
export function renderHead(): string {
  return renderLine({ touchstone: 'recording', formatVersion: FORMAT_VERSION });
}

/** Returns the line of an exchange. */
export function renderExchange(exchange: NewExchange): string {
  return renderLine({ exchange });
}

/** Returns the line that states why later calls are not recorded. */
export function renderFull(reason: string): string {
  return renderLine({ full: reason });
}

function renderLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * Parses a recording. An incomplete last line is left by a recorder that was killed; it is left out, with a warning.
 *
 * @param source the name of the file, for errors.
 * @throws {RecordingError} naming the invalid line, or if the text is not a recording of this version.
 */
export function parseRecording(text: string, source: string): Recording {
  const lines = text.split('\n');
  const incomplete = lines.pop();
  const [head, ...rest] = lines.map((line, index) => parseLine(line, `${source}:${index + 1}`));
  assertHead(head, source);
  const exchanges: RecordedExchange[] = [];
  const warnings: string[] = [];
  for (const [index, line] of rest.entries()) {
    if (typeof line.full === 'string') warnings.push(`${source}: ${line.full}`);
    else exchanges.push({ number: exchanges.length + 1, ...toExchange(line, `${source}:${index + 2}`) });
  }
  if (incomplete !== undefined && incomplete !== '')
    warnings.push(`${source}: the last line is incomplete and left out`);
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
  throw new RecordingError(`${place}: is not an object`);
}

function assertHead(head: Line | undefined, source: string): void {
  if (head?.touchstone !== 'recording') throw new RecordingError(`${source}: is not a recording`);
  if (head.formatVersion === FORMAT_VERSION) return;
  throw new RecordingError(
    `${source}: has the format version ${head.formatVersion}, but only ${FORMAT_VERSION} can be read`,
  );
}

type Check = readonly [field: string, isRight: (value: unknown) => boolean, expected: string];

const isText = (value: unknown) => typeof value === 'string';
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isMessageList = (value: unknown) =>
  Array.isArray(value) && value.every((entry) => isObject(entry) && 'message' in entry);
const isFailure = (value: unknown) =>
  value === undefined || (isObject(value) && isText((value as Line).code) && Array.isArray((value as Line).details));

const CHECKS: readonly Check[] = [
  ['rpc', isText, 'the name of an RPC'],
  ['startedAt', (value) => isText(value) && !Number.isNaN(Date.parse(value as string)), 'a time in RFC 3339'],
  ['request.messages', isMessageList, 'a list of objects with a message'],
  ['request.headers', isObject, 'an object'],
  ['response.messages', isMessageList, 'a list of objects with a message'],
  ['response.headers', isObject, 'an object'],
  ['response.trailers', isObject, 'an object'],
  ['response.error', isFailure, 'an object with a code and a list of details'],
];

function toExchange({ exchange }: Line, place: string): NewExchange {
  for (const [field, isRight, expected] of CHECKS) {
    const value = field
      .split('.')
      .reduce((inner: unknown, name) => (inner as Line | null | undefined)?.[name], exchange);
    if (!isRight(value)) throw new RecordingError(`${place}: is not an exchange: ${field} is not ${expected}`);
  }
  return exchange as NewExchange;
}
