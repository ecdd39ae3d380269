// The command behind `make dead-letters`: lists the dead letters of every service, replays one or discards it.

import { parseArgs } from 'node:util';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { DeadLetter } from '#gen/shop/ops/v1/ops_pb.ts';
import type { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { isUuid } from '../../services/platform/base/validation.ts';

const TIMEOUT_MS = 10_000;
const PAGE_SIZE = 200;
// Per service, to keep the output readable. GetStatus counts all of them.
const MAX_LISTED = 1_000;
const MAX_ERROR_LENGTH = 100;

export type DeadLetterArguments = {
  action: 'list' | 'replay' | 'discard' | 'help';
  /** Empty when listing. */
  deadLetterId: string;
  /** Only this service; undefined for all. */
  service: string | undefined;
};

export type DeadLetterClient = {
  service: string;
  url: string;
  ops: Pick<Client<typeof OpsService>, 'listDeadLetters' | 'replayDeadLetter' | 'discardDeadLetter'>;
};

export type DeadLetterRow = {
  service: string;
  letter: DeadLetter;
};

export type CommandOptions = {
  write(line: string): void;
  now: Date;
};

/**
 * Parses the command line.
 * @throws {Error} naming the invalid option.
 */
export function parseDeadLetterArguments(given: readonly string[]): DeadLetterArguments {
  const { values } = parseArgs({
    args: [...given],
    options: {
      replay: { type: 'string' },
      discard: { type: 'string' },
      service: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { replay, discard, service } = values;
  if (replay !== undefined && discard !== undefined) throw new Error('--replay and --discard: pass only one of them');
  if (service === '') throw new Error('--service: must not be empty');
  const action = actionOf(values);
  const deadLetterId = replay ?? discard ?? '';
  if ((action === 'replay' || action === 'discard') && !isUuid(deadLetterId)) {
    throw new Error(`--${action}: '${deadLetterId}' is not the id of a dead letter (a UUID)`);
  }
  return { action, deadLetterId, service };
}

/**
 * Lists the dead letters of all services, replays one or discards one.
 * @throws {Error} when a service does not answer or rejects the call, or when no service has a dead letter with this id.
 */
export async function runDeadLetterCommand(
  clients: readonly DeadLetterClient[],
  { action, deadLetterId, service }: DeadLetterArguments,
  { write, now }: CommandOptions,
): Promise<void> {
  const asked = clients.filter((client) => service === undefined || client.service === service);
  if (asked.length === 0) {
    throw new Error(`--service: '${service}' is not one of ${clients.map((client) => client.service).join(', ')}`);
  }
  const rows = (await Promise.all(asked.map(listOf))).flat();
  if (action === 'list') {
    write(renderDeadLetters(rows, now));
    return;
  }
  const found = rows.find(({ letter }) => letter.deadLetterId === deadLetterId.toLowerCase());
  const client = asked.find((candidate) => candidate.service === found?.service);
  if (found === undefined || client === undefined) {
    throw new Error(
      `No dead letter has the id ${deadLetterId}; searched: ${asked.map((candidate) => candidate.service).join(', ')}.`,
    );
  }
  await settle(client, action === 'replay', found.letter.deadLetterId);
  write(`${found.letter.subject} of ${found.service} was ${action === 'replay' ? 'applied' : 'discarded'}.`);
}

/** Renders a table, oldest first, and the commands to replay or discard one. */
export function renderDeadLetters(rows: readonly DeadLetterRow[], now: Date): string {
  if (rows.length === 0) return 'No dead letters.';
  const ordered = rows.toSorted((one, other) => ageMs(other.letter, now) - ageMs(one.letter, now));
  const table = [
    ['service', 'id', 'subject', 'attempts', 'age', 'error'],
    ...ordered.map(({ service, letter }) => [
      service,
      letter.deadLetterId,
      letter.subject,
      String(letter.attempts),
      formatAge(ageMs(letter, now)),
      shorten(letter.error),
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [
    ...lines.map((line) => `  ${line}`.trimEnd()),
    '',
    'Replay one with `make dead-letters REPLAY=<id>`, discard it with `make dead-letters DISCARD=<id>`.',
  ].join('\n');
}

function actionOf(values: { help: boolean; replay?: string; discard?: string }): DeadLetterArguments['action'] {
  if (values.help) return 'help';
  if (values.replay !== undefined) return 'replay';
  return values.discard === undefined ? 'list' : 'discard';
}

async function listOf({ service, url, ops }: DeadLetterClient): Promise<DeadLetterRow[]> {
  const rows: DeadLetterRow[] = [];
  let pageToken = '';
  try {
    do {
      const page = await ops.listDeadLetters({ pageSize: PAGE_SIZE, pageToken }, { timeoutMs: TIMEOUT_MS });
      rows.push(...page.deadLetters.map((letter) => ({ service, letter })));
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && rows.length < MAX_LISTED);
    return rows;
  } catch (error) {
    throw explain(error, service, url);
  }
}

async function settle({ service, url, ops }: DeadLetterClient, replay: boolean, deadLetterId: string): Promise<void> {
  try {
    const options = { timeoutMs: TIMEOUT_MS };
    await (replay ? ops.replayDeadLetter({ deadLetterId }, options) : ops.discardDeadLetter({ deadLetterId }, options));
  } catch (error) {
    throw explain(error, service, url);
  }
}

function explain(error: unknown, service: string, url: string): Error {
  if (!(error instanceof ConnectError)) return error instanceof Error ? error : new Error(String(error));
  if (error.code === Code.Unavailable && hasCause(error, 'ECONNREFUSED')) {
    const message = `No ${service} service at ${url}. Start the platform with \`make run\` first, in another terminal.`;
    return new Error(message, { cause: error });
  }
  return new Error(`The ${service} service at ${url} answered ${error.message}`, { cause: error });
}

function hasCause({ cause }: Error, code: string): boolean {
  if (!(cause instanceof Error)) return false;
  return ('code' in cause && cause.code === code) || hasCause(cause, code);
}

function ageMs({ createTime }: { createTime?: Timestamp | undefined }, now: Date): number {
  return createTime === undefined ? 0 : Math.max(0, now.getTime() - timestampMs(createTime));
}

/** The largest unit only: `2 d`, `5 h`, `12 min`, `3 s`. */
function formatAge(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** One line without control characters, which could move a terminal's cursor. */
function shorten(text: string): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length > MAX_ERROR_LENGTH ? `${line.slice(0, MAX_ERROR_LENGTH - 3)}...` : line;
}
