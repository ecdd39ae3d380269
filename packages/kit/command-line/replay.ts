// `kit replay`: a service out of a recording.

import type { Command } from 'commander';
import { startReplay } from '../recording/replay.ts';
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

interface ReplayOptions extends AddressOptions {
  readonly descriptors: string;
  readonly header?: readonly string[];
  readonly failOnMiss?: boolean;
}

const example = `
Example: the library as it was yesterday.
  $ kit replay library.jsonl --descriptors proto --port 50064
  listening on http://127.0.0.1:50064, 42 exchanges`;

export function addReplayCommand(program: Command, session: Session): void {
  const command = program
    .command('replay')
    .summary('serve what was recorded')
    .description(
      'Answers the calls of a recording as they were answered then. Other calls are answered with the nearest one.',
    )
    .argument('<file>', 'a recording of `kit record`')
    .requiredOption('--descriptors <source>', descriptorsHelp)
    .option('--header <name>', 'a header that a call must have as it was recorded; may be repeated', collect(String))
    .option('--fail-on-miss', 'end with exit code 1 when a call found no exchange')
    .addHelpText('after', example);
  addAddressOptions(command).action((file: string, options: ReplayOptions) => runReplay(file, options, session));
}

async function runReplay(file: string, options: ReplayOptions, session: Session): Promise<void> {
  const { descriptors, host, port, header = [] } = options;
  const schema = await readSchema('--descriptors', descriptors);
  await using replay = await listenAt(options, () =>
    startReplay(file, {
      services: schema.services,
      types: typesOf(schema),
      headers: header,
      host,
      port,
    }),
  );
  for (const warning of replay.warnings) session.warn(warning);
  const { exchanges } = replay;
  await session.serve(replay, { text: `, ${exchanges} exchanges`, json: { exchanges } });
  session.tellMisses(replay.unmatchedRequests(), options.failOnMiss);
}
