// The command `kit listen`: the events of a subject as lines of JSON.

import { type Command, Option } from 'commander';
import { addBrokerOptions, type BrokerFlags, openBroker, SECRETS_HELP } from '../nats/broker-options.ts';
import { decodeEvent } from '../nats/event-json.ts';
import { loadTypes } from '../schema/load-schema.ts';
import { OptionError, readOption } from './common/option-error.ts';
import { DESCRIPTORS_HELP, readPositive } from './common/options.ts';
import type { Session } from './common/session.ts';

type ListenCommandOptions = BrokerFlags & {
  readonly descriptors: string;
  readonly type?: string;
  readonly count?: number;
  readonly seconds?: number;
  readonly jetstream?: boolean;
};

const HELP_FOOTER = `
Each line is {"subject", "headers", "type", "message"}, with the message in proto3 JSON; if the body cannot be decoded,
{"subject", "headers", "payload", "problem"}, with the body in base64. The type is that of --type or, without it, the one that
ce-type or the subject names. Exit code 1 means that fewer than --count events arrived within --seconds.
${SECRETS_HELP}

Example:
  $ kit listen 'library.>' --descriptors proto --count 2 --seconds 10
  {"subject":"library.v1.BookReturned","headers":{...},"type":"library.v1.BookReturned","message":{"bookId":"b1"}}`;

export function addListenCommand(program: Command, session: Session): void {
  const command = program
    .command('listen')
    .summary('print events of NATS')
    .description('Prints the events of a subject, decoded, one JSON object a line.')
    .argument('<subject>', 'subject, also with wildcards')
    .requiredOption('--descriptors <source>', DESCRIPTORS_HELP)
    .option('--type <name>', 'message type of all events')
    .option('--count <number>', 'end after so many events', readPositive)
    .option('--seconds <number>', 'end after so many seconds', readPositive)
    .addOption(new Option('--jetstream', 'begin with the events that a stream has stored'))
    .addHelpText('after', HELP_FOOTER);
  addBrokerOptions(command).action((subject: string, options: ListenCommandOptions) =>
    runListen(subject, options, session),
  );
}

async function runListen(subject: string, options: ListenCommandOptions, session: Session): Promise<void> {
  const { type, count = Number.POSITIVE_INFINITY, seconds, jetstream = false } = options;
  const { registry } = await readOption('--descriptors', () => loadTypes(options.descriptors));
  if (type !== undefined && !registry.getMessage(type)) {
    throw new OptionError(`--type: "${type}" is not a message type in --descriptors`);
  }
  await using broker = await readOption('--nats', () => openBroker(options));
  const stop = new AbortController();
  void session.awaitStop().then(() => stop.abort());
  const events = await readOption('--nats', () => broker.listen(subject, { isStored: jetstream, signal: stop.signal }));
  session.note(`listening to ${subject}`, { listening: subject });
  const timer = seconds === undefined ? undefined : setTimeout(() => stop.abort(), seconds * 1000);
  let received = 0;
  try {
    for await (const event of events) {
      const line = decodeEvent(event, registry, type);
      session.print(JSON.stringify(line), line);
      received += 1;
      if (received >= count) break;
    }
  } finally {
    clearTimeout(timer);
  }
  if (options.count !== undefined && received < count) session.fail();
}
