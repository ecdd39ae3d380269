// The command `kit publish`: events for a broker, from JSON or from the examples of contract files.

import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { DescMessage } from '@bufbuild/protobuf';
import { type Command, Option } from 'commander';
import type { CapturedEvent } from '../events/captured-event.ts';
import { loadExampleEvents } from '../events/example-events.ts';
import { addBrokerOptions, type BrokerFlags, openBroker, SECRETS_HELP } from '../nats/broker-options.ts';
import { encodeEvent } from '../nats/event-json.ts';
import { loadTypes, type Schema } from '../schema/load-schema.ts';
import { OptionError, readOption } from './common/option-error.ts';
import { collect, DESCRIPTORS_HELP, readHeader, readPositive, typesOf } from './common/options.ts';
import type { Session } from './common/session.ts';

type PublishOptions = BrokerFlags & {
  readonly descriptors: string;
  readonly data?: string;
  readonly file?: string;
  readonly contract?: readonly string[];
  readonly rate?: number;
  readonly count?: number;
  readonly subject?: string;
  readonly source: string;
  readonly id?: string;
  readonly cloudEvents: boolean;
  readonly header?: readonly (readonly [string, string])[];
  readonly jetstream?: boolean;
};

const HELP_FOOTER = `
The body of an event is protobuf binary. Its headers are those of CloudEvents in binary mode: ce-specversion, ce-id, ce-type,
ce-source, ce-time and content-type, unless --no-cloud-events is given. The subject is the type unless --subject names another.
${SECRETS_HELP}

Example: one event; one for each line of a file; the examples of contracts, five a second, as the provider would publish them.
  $ kit publish library.v1.BookReturned --descriptors proto --data '{"bookId": "b1"}' --jetstream
  $ kit publish library.v1.BookReturned --descriptors proto --file events.jsonl
  $ kit publish --contract contracts --descriptors proto --rate 5 --count 100`;

export function addPublishCommand(program: Command, session: Session): void {
  const command = program
    .command('publish')
    .summary('publish events on NATS')
    .description('Publishes events: of one type from JSON, or the examples of the events in contract files.')
    .argument('[type]', 'message type of the event, unless --contract is given')
    .requiredOption('--descriptors <source>', DESCRIPTORS_HELP)
    .addOption(new Option('--data <json>', 'the event in proto3 JSON').conflicts(['file', 'contract']))
    .addOption(new Option('--file <file>', 'events, one in each line; - for standard input').conflicts('contract'))
    .option('--contract <file>', 'publish the example events of contracts; can be repeated', collect(String))
    .option('--rate <number>', 'events in a second (default: as fast as possible)', readPositive)
    .option('--count <number>', 'publish so many, and begin again after the last one', readPositive)
    .option('--subject <name>', 'subject (default: the type, or that of the contract)')
    .option('--source <text>', 'ce-source of the events', '/kit')
    .option('--id <text>', 'ce-id of the event (default: a new one for each)')
    .option('--no-cloud-events', 'leave out the headers of CloudEvents')
    .option('--header <name: value>', 'a further header; can be repeated', collect(readHeader))
    .option('--jetstream', 'wait until a stream has stored each event')
    .addHelpText('after', HELP_FOOTER);
  addBrokerOptions(command).action((type: string | undefined, options: PublishOptions) =>
    runPublish(type, options, session),
  );
}

async function runPublish(type: string | undefined, options: PublishOptions, session: Session): Promise<void> {
  const schema = await readOption('--descriptors', () => loadTypes(options.descriptors));
  const create = options.contract
    ? await readContractEvents(options.contract, schema, options)
    : await readJsonEvents(findType(type, schema), schema, options, session);
  await using broker = await readOption('--nats', () => openBroker(options));
  const stop = new AbortController();
  void session.awaitStop().then(() => stop.abort());
  const count = options.count ?? create.length;
  let published = 0;
  for (let next = performance.now(); published < count && !stop.signal.aborted; published += 1) {
    const event = create[published % create.length]?.();
    if (event) await readOption('--nats', () => broker.publish(event, options.jetstream === true));
    if (options.rate === undefined || published + 1 === count) continue;
    next += 1000 / options.rate;
    await delay(Math.max(0, next - performance.now()), undefined, { signal: stop.signal }).catch(() => undefined);
  }
  session.print(`published ${published} ${published === 1 ? 'event' : 'events'}`, { published });
}

type EventFactory = () => CapturedEvent;

async function readContractEvents(
  files: readonly string[],
  schema: Schema,
  { subject, header = [] }: PublishOptions,
): Promise<EventFactory[]> {
  const events = await readOption('--contract', () => loadExampleEvents(files, typesOf(schema)));
  const added = Object.fromEntries(header);
  return events.map((event) => () => {
    const { headers } = event;
    // Each is another event, as those of the provider are.
    const fresh =
      'ce-id' in headers ? { 'ce-id': crypto.randomUUID(), 'ce-time': new Date().toISOString() } : undefined;
    return { ...event, subject: subject ?? event.subject, headers: { ...headers, ...fresh, ...added } };
  });
}

async function readJsonEvents(
  desc: DescMessage,
  { registry }: Schema,
  options: PublishOptions,
  session: Session,
): Promise<EventFactory[]> {
  const { data, file, subject = desc.typeName, source, cloudEvents, id, header = [] } = options;
  const option = data === undefined ? '--file' : '--data';
  const lines = data === undefined ? await readLines(file, session) : [data];
  const envelope = {
    subject,
    source: cloudEvents ? source : undefined,
    headers: Object.fromEntries(header),
    ...(id !== undefined && { id }),
  };
  if (lines.length === 0) throw new OptionError(`${option}: has no event`);
  if (id !== undefined && lines.length > 1) throw new OptionError('--id: is for one event, but there are several');
  const create = lines.map((line) => () => encodeEvent(desc, line, registry, envelope));
  for (const [index, encode] of create.entries()) {
    await readOption(lines.length === 1 ? option : `${option}: line ${index + 1}`, encode);
  }
  return create;
}

async function readLines(file: string | undefined, session: Session): Promise<string[]> {
  if (file === undefined && !session.hasInput) {
    throw new OptionError('--data, --file or --contract is required unless the events are on standard input');
  }
  const isInput = file === undefined || file === '-';
  const text = isInput ? await session.readInput() : await readOption('--file', () => readFile(file, 'utf8'));
  return text.split('\n').filter((line) => line.trim() !== '');
}

function findType(type: string | undefined, { registry }: Schema): DescMessage {
  if (type === undefined) throw new OptionError("missing required argument 'type', unless --contract is given");
  const desc = registry.getMessage(type);
  if (desc) return desc;
  throw new OptionError(`type: "${type}" is not a message type in --descriptors`);
}
