// The command `kit verify`: it replays contracts against a running provider.

import { once } from 'node:events';
import { connect } from 'node:net';
import { type Command, Option } from 'commander';
import { loadContracts } from '../contract-file/contract-store.ts';
import { writeVerification } from '../deployment/verification-results.ts';
import { parseUpstream } from '../fault-proxy/upstream-address.ts';
import type { StateHandlers } from '../verification/provider-states.ts';
import { verifyProvider } from '../verification/verify-provider.ts';
import type { WireName } from '../verification/wire.ts';
import { OptionError, readOption } from './common/option-error.ts';
import {
  collect,
  DESCRIPTORS_HELP,
  readCount,
  readHeader,
  readHttpUrl,
  readSchema,
  typesOf,
} from './common/options.ts';
import type { Session } from './common/session.ts';
import { createStateCallbacks } from './common/state-callbacks.ts';
import { addClientTlsOptions, type ClientTlsOptions, clientTlsOptionsOf } from './common/tls-options.ts';
import { readWires, WIRE_IDS } from './common/wire-argument.ts';

type VerifyOptions = ClientTlsOptions & {
  readonly provider: string;
  readonly descriptors: string;
  readonly providerName?: string;
  readonly results?: string;
  readonly stateUrl?: string;
  readonly stateTeardown: boolean;
  readonly wire?: readonly (readonly WireName[])[];
  readonly header?: readonly (readonly [string, string])[];
  readonly timeout: number;
};

const HELP_FOOTER = `
A provider that speaks gRPC alone, such as one on grpcio or grpc-java, is verified with --wire grpc.

Before each interaction the state URL is called once for each of its states, as by Pact's verifiers, with
POST {"state": "book b1 is there", "params": {"bookId": "b1"}, "action": "setup"}, and afterwards with the action "teardown".

Example: verify the library with gRPC and with Connect JSON over HTTP/1.1.
  $ kit verify contracts --provider-name Library --provider http://127.0.0.1:50052 --descriptors proto \\
      --state-url http://127.0.0.1:50099/states --wire grpc --wire connect-json/1.1`;

export function addVerifyCommand(program: Command, session: Session): void {
  const command = program
    .command('verify')
    .summary('replay contracts against a running provider')
    .description(
      'Replays every RPC of contract files against a provider, in every protocol and HTTP version. Prints a table and each ' +
        'difference with its path. Events are verified with verify-events.',
    )
    .argument('<file...>', 'contract files, or folders of them')
    .requiredOption('--provider <url>', 'URL of the provider', readHttpUrl('--provider'))
    .requiredOption('--descriptors <source>', DESCRIPTORS_HELP)
    .option('--provider-name <name>', 'use only contracts with this provider')
    .option('--results <folder>', 'write the results there, for can-i-deploy, as <provider>.json')
    .option(
      '--state-url <url>',
      'URL that sets up provider states; required if interactions have any',
      readHttpUrl('--state-url'),
    )
    .option('--no-state-teardown', 'do not call the state URL after interactions')
    .option(
      '--wire <name>',
      `a protocol, or a protocol with HTTP version; can be repeated: ${WIRE_IDS.join(', ')}`,
      collect(readWires),
    )
    .option('--header <name: value>', 'a header to send with every call; can be repeated', collect(readHeader))
    .addOption(
      new Option('--timeout <ms>', 'timeout of calls whose consumer sets no deadline')
        .argParser(readCount)
        .default(5000),
    )
    .addHelpText('after', HELP_FOOTER);
  addClientTlsOptions(command).action((files: string[], options: VerifyOptions) => runVerify(files, options, session));
}

async function runVerify(files: readonly string[], options: VerifyOptions, session: Session): Promise<void> {
  const schema = await readSchema('--descriptors', options.descriptors);
  const states = await createHandlers(files, options);
  const tls = await clientTlsOptionsOf(options, { url: options.provider, option: '--provider' });
  await readOption('--provider', () => assertListening(options.provider));
  const verification = await verifyProvider({
    contracts: files,
    url: options.provider,
    services: schema.services,
    types: typesOf(schema),
    states,
    headers: Object.fromEntries(options.header ?? []),
    timeoutMs: options.timeout,
    ...(options.providerName === undefined ? {} : { provider: options.providerName }),
    ...(tls && { tls }),
    ...(options.wire === undefined ? {} : { wires: options.wire.flat() }),
  });
  const { isHonoured, interactions } = verification;
  const { results } = options;
  if (results !== undefined) await readOption('--results', () => writeVerification(results, verification));
  session.print(verification.toString(), { isHonoured, interactions });
  if (!isHonoured) session.fail();
}

async function createHandlers(files: readonly string[], options: VerifyOptions): Promise<StateHandlers> {
  const contracts = await loadContracts(files);
  const names = new Set(
    contracts
      .map(({ document }) => document)
      .filter(({ provider }) => options.providerName === undefined || provider.name === options.providerName)
      .flatMap(({ interactions }) => interactions)
      .filter(({ type }) => type !== 'Asynchronous/Messages')
      .flatMap(({ providerStates = [] }) => providerStates.map(({ name }) => name)),
  );
  if (names.size === 0) return {};
  if (options.stateUrl === undefined) {
    const list = [...names].map((name) => `"${name}"`).join(', ');
    throw new OptionError(`--state-url is required: interactions have the states ${list}`);
  }
  return createStateCallbacks(names, { url: options.stateUrl, withTeardown: options.stateTeardown });
}

// Without this check every interaction would fail for the same reason, as if the contract were not honoured.
async function assertListening(url: string): Promise<void> {
  const { host, port } = parseUpstream(url);
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect');
  } catch (error) {
    throw new Error(`nothing listens on ${host}:${port}: ${(error as Error).message}`, { cause: error });
  } finally {
    socket.destroy();
  }
}
