// The command `kit replay`: a server that answers from a recording.

import type { Command } from 'commander';
import { startReplay } from '../recording/replay.ts';
import {
  type AddressOptions,
  accessOf,
  addAddressOptions,
  addBrowserOptions,
  type BrowserOptions,
  collect,
  DESCRIPTORS_HELP,
  listenAt,
  readSchema,
  typesOf,
} from './common/options.ts';
import type { Session } from './common/session.ts';
import { addServerTlsOptions, type ServerTlsOptions, serverTlsOf } from './common/tls-options.ts';

type ReplayOptions = AddressOptions &
  BrowserOptions &
  ServerTlsOptions & {
    readonly descriptors: string;
    readonly header?: readonly string[];
    readonly recordedTiming?: boolean;
    readonly failOnUnmatched?: boolean;
  };

const HELP_FOOTER = `
Example: serve the recorded library.
  $ kit replay library.jsonl --descriptors proto --port 50064
  listening on http://127.0.0.1:50064, 42 exchanges`;

export function addReplayCommand(program: Command, session: Session): void {
  const command = program
    .command('replay')
    .summary('serve a recording')
    .description(
      'Answers recorded calls as they were answered. Any other call fails with the nearest recorded call and the differences.',
    )
    .argument('<file>', 'a recording from `kit record`')
    .requiredOption('--descriptors <source>', DESCRIPTORS_HELP)
    .option('--header <name>', 'a header that must match the recording; can be repeated', collect(String))
    .option('--recorded-timing', 'wait before each message and the end as long as the recorded service did')
    .option('--fail-on-unmatched', 'end with exit code 1 if a call matched no recorded one')
    .addHelpText('after', HELP_FOOTER);
  addServerTlsOptions(addBrowserOptions(addAddressOptions(command))).action((file: string, options: ReplayOptions) =>
    runReplay(file, options, session),
  );
}

async function runReplay(file: string, options: ReplayOptions, session: Session): Promise<void> {
  const { descriptors, host, port, header = [] } = options;
  const schema = await readSchema('--descriptors', descriptors);
  const tls = await serverTlsOf(options, session);
  await using replay = await listenAt(options, () =>
    startReplay(file, {
      services: schema.services,
      types: typesOf(schema),
      headers: header,
      timing: options.recordedTiming ? 'recorded' : 'none',
      host,
      port,
      ...accessOf(options),
      ...tls,
    }),
  );
  for (const warning of replay.warnings) session.warn(warning);
  const { exchanges } = replay;
  await session.serve(replay, { text: `, ${exchanges} exchanges`, json: { exchanges } });
  session.reportUnmatched(replay.unmatchedRequests(), options.failOnUnmatched);
}
