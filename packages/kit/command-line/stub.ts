// The command `kit stub`: a provider that answers from contract files.

import type { Command } from 'commander';
import { startStubServer } from '../contract/stub-server.ts';
import { startVirtualService } from '../virtual/virtual-service.ts';
import { addControlOptions, type ControlPortOptions, describeControl, openControl } from './common/control-option.ts';
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
import { addServerTlsOptions, requireControl, type ServerTlsOptions, serverTlsOf } from './common/tls-options.ts';

type StubOptions = AddressOptions &
  BrowserOptions &
  ServerTlsOptions &
  ControlPortOptions & {
    readonly descriptors: string;
    readonly state?: readonly string[];
    readonly failOnUnmatched?: boolean;
  };

const HELP_FOOTER = `
Example: run a consumer against the interactions of one provider state.
  $ kit stub contracts/Reader-Library.json --descriptors proto --state 'book b1 is there' --port 50061
  listening on http://127.0.0.1:50061

Example: another process selects the provider state.
  $ kit stub contracts/Reader-Library.json --descriptors proto --port 50061 --control 50071
  $ curl -d '{"providerStates": ["book b1 is there"]}' -H 'content-type: application/json' \\
      http://127.0.0.1:50071/touchstone.kit.v1.StubControlService/SetProviderStates

With --control calls are recorded in a journal, and stubs may precede the interactions; answers are a little slower.`;

export function addStubCommand(program: Command, session: Session): void {
  const command = program
    .command('stub')
    .summary('serve contract files')
    .description(
      'Answers the interactions of contract files over gRPC, gRPC-Web and Connect. Any other call fails with the nearest ' +
        'interaction and the differences.',
    )
    .argument('<file...>', 'contract files, or folders of them')
    .requiredOption('--descriptors <source>', DESCRIPTORS_HELP)
    .option(
      '--state <name>',
      'serve only interactions of this provider state; can be repeated (default: all)',
      collect(String),
    )
    .option('--fail-on-unmatched', 'end with exit code 1 if a call matched no interaction')
    .addHelpText('after', HELP_FOOTER);
  addControlOptions(addServerTlsOptions(addBrowserOptions(addAddressOptions(command)))).action(
    (files: string[], options: StubOptions) => runStub(files, options, session),
  );
}

async function runStub(files: readonly string[], options: StubOptions, session: Session): Promise<void> {
  const { descriptors, host, port, state } = options;
  const schema = await readSchema('--descriptors', descriptors);
  requireControl(options);
  const tls = await serverTlsOf(options, session);
  const common = { services: schema.services, types: typesOf(schema), host, port, ...accessOf(options), ...tls };
  if (options.control !== undefined) {
    await using service = await listenAt(options, () =>
      startVirtualService({
        ...common,
        contract: files,
        unknownJsonFields: 'refused',
        ...(state === undefined ? {} : { contractStates: state }),
      }),
    );
    await using control = await openControl(options, service, session);
    await session.serve(service, describeControl(control));
    session.reportUnmatched(service.unmatchedRequests(), options.failOnUnmatched);
    return;
  }
  await using server = await listenAt(options, () =>
    startStubServer(files, { ...common, ...(state === undefined ? {} : { states: state }) }),
  );
  await session.serve(server);
  session.reportUnmatched(server.unmatchedRequests(), options.failOnUnmatched);
}
