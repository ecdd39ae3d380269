// The output of the stack's processes as readable lines: process name, time, level, message, key=value.

import { z } from 'zod';

export type LogStyle = {
  colour: boolean;
  /** The length of the longest process name, so that lines align. */
  nameWidth: number;
};

const RESET = '\u001b[0m';
const DIM = '\u001b[2m';
const LEVEL_COLOURS: Record<string, string> = { warn: '\u001b[33m', error: '\u001b[31m', fatal: '\u001b[1;31m' };
const PROCESS_COLOURS = [36, 32, 35, 34, 33, 96, 92, 95, 94, 93].map((code) => `\u001b[${code}m`);
const LEVEL_NAMES: Record<number, string> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const SEVERE_LEVELS = new Set(['error', 'fatal']);
const HIDDEN_FIELDS = new Set(['time', 'level', 'msg', 'message', 'pid', 'hostname', 'name', 'service', 'v', 'err']);
// Control characters in a line could move the cursor or recolour the following lines.
const CONTROL_CHARACTERS = /[^\P{Cc}\t\n]/gu;

const logObject = z.looseObject({
  level: z.union([z.string(), z.number()]),
  time: z.union([z.string(), z.number()]).optional(),
  msg: z.unknown().optional(),
  message: z.unknown().optional(),
  err: z.unknown().optional(),
});
type LogObject = z.infer<typeof logObject>;

const errorField = z.looseObject({ message: z.string(), stack: z.string().optional() });

/** Renders one line of a process, prefixed by its name; a stack trace makes it several. */
export function renderLine(process: string, line: string, style: LogStyle): string {
  const prefix = paint(process.padEnd(style.nameWidth), processColour(process), style.colour);
  const rendered = renderJson(line, style.colour) ?? line.replaceAll(CONTROL_CHARACTERS, '');
  return rendered
    .split('\n')
    .map((row) => `${prefix} | ${row}`)
    .join('\n');
}

/** Returns a JSON log line unchanged; wraps any other line in one. */
export function renderJsonLine(process: string, line: string, now: Date): string {
  if (parseLogObject(line)) return line;
  return JSON.stringify({ level: 'info', time: now.toISOString(), service: process, msg: line });
}

function renderJson(line: string, colour: boolean): string | undefined {
  const entry = parseLogObject(line);
  if (!entry) return undefined;
  const level = typeof entry.level === 'number' ? (LEVEL_NAMES[entry.level] ?? String(entry.level)) : entry.level;
  const fields = Object.entries(entry).filter(([key, value]) => !HIDDEN_FIELDS.has(key) && value !== undefined);
  const error = errorField.safeParse(entry.err);
  if (error.success) fields.push(['error', error.data.message]);
  const parts = [
    paint(clockTime(entry.time), DIM, colour),
    paint(level.toUpperCase().padEnd(5), LEVEL_COLOURS[level] ?? '', colour),
    text(entry.msg ?? entry.message),
    ...fields.map(([key, value]) => `${paint(`${key}=`, DIM, colour)}${text(value, true)}`),
  ];
  // Warnings are about external conditions, so their stack traces are omitted.
  const stack = error.success && SEVERE_LEVELS.has(level) ? stackFrames(error.data.stack) : [];
  return [parts.filter((item) => item !== '').join(' '), ...stack.map((frame) => paint(frame, DIM, colour))].join('\n');
}

function parseLogObject(line: string): LogObject | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return logObject.safeParse(JSON.parse(line)).data;
  } catch {
    // Not every line that begins with a brace is JSON: such a line is shown unchanged.
    return undefined;
  }
}

function clockTime(time: string | number | undefined): string {
  const date = new Date(time ?? Number.NaN);
  if (Number.isNaN(date.getTime())) return '';
  const two = (value: number) => String(value).padStart(2, '0');
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

function text(value: unknown, quoted = false): string {
  if (value === undefined) return '';
  const plain = typeof value === 'string' ? value : JSON.stringify(value);
  const oneLine = plain.replaceAll('\n', '\\n').replaceAll(CONTROL_CHARACTERS, '');
  return quoted && typeof value === 'string' && /[\s"=]|^$/.test(value) ? JSON.stringify(value) : oneLine;
}

function stackFrames(stack: string | undefined): string[] {
  return (stack ?? '').split('\n').filter((row) => row.trimStart().startsWith('at '));
}

/** A process has the same colour at every start. */
function processColour(process: string): string {
  const sum = [...process].reduce((total, character) => (total * 31 + character.charCodeAt(0)) % 9973, 0);
  return PROCESS_COLOURS[sum % PROCESS_COLOURS.length] ?? '';
}

function paint(value: string, code: string, colour: boolean): string {
  return colour && code !== '' && value !== '' ? `${code}${value}${RESET}` : value;
}
