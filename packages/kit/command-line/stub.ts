// `kit stub`: a provider out of contract files.

import type { Command } from 'commander';
import { startStubServer } from '../contract/stub-server.ts';
import {
  type AddressOptions,
  addAddressOptions,
  collect,
  descriptorsHelp,
  listenAt,
  readSchema,
  typesOf,
} from './options.ts';
import type { Session } from './session.ts';

interface StubOptions extends AddressOptions {
  readonly descriptors: string;
  readonly state?: readonly string[];
  readonly failOnMiss?: boolean;
}

const example = `
Example: run a consumer against what it expects of the library, with two states of three.
  $ kit stub contracts/Reader-Library.json --descriptors proto --state 'book b1 is there' --port 50061
  listening on http://127.0.0.1:50061`;

export function addStubCommand(program: Command, session: Session): void {
  const command = program
    .command('stub')
    .summary('serve what contract files say')
    .description(
      'Answers every interaction of contract files over gRPC, gRPC-Web and Connect. What no interaction accepts is answered ' +
        'with the nearest one and what differs.',
    )
    .argument('<file...>', 'contract files, or folders of them')
    .requiredOption('--descriptors <source>', descriptorsHelp)
    .option('--state <name>', 'a state the provider is in; may be repeated. Without it: all of them', collect(String))
    .option('--fail-on-miss', 'end with exit code 1 when a call found no interaction')
    .addHelpText('after', example);
  addAddressOptions(command).action((files: string[], options: StubOptions) => runStub(files, options, session));
}

async function runStub(files: readonly string[], options: StubOptions, session: Session): Promise<void> {
  const { descriptors, host, port, state } = options;
  const schema = await readSchema('--descriptors', descriptors);
  await using server = await listenAt(options, () =>
    startStubServer(files, {
      services: schema.services,
      types: typesOf(schema),
      host,
      port,
      ...(state === undefined ? {} : { states: state }),
    }),
  );
  await session.serve(server);
  session.tellMisses(server.unmatchedRequests(), options.failOnMiss);
}
