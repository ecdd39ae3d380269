// The command `kit verify-events`: event contracts, verified with the events that a running provider really publishes.

import type { Command } from 'commander';
import { loadContracts } from '../contract-file/contract-store.ts';
import { writeVerification } from '../deployment/verification-results.ts';
import { type ExpectedEvent, verifyEvents } from '../events/verify-events.ts';
import { addBrokerOptions, type BrokerFlags, openBroker, SECRETS_HELP } from '../nats/broker-options.ts';
import { collectEvents } from '../nats/collect-events.ts';
import { loadTypes } from '../schema/load-schema.ts';
import type { StateHandlers } from '../verification/provider-states.ts';
import { OptionError, readOption } from './common/option-error.ts';
import { DESCRIPTORS_HELP, readHttpUrl, readPositive, typesOf } from './common/options.ts';
import type { Session } from './common/session.ts';
import { createStateCallbacks, postJson } from './common/state-callbacks.ts';

type VerifyEventsCommandOptions = BrokerFlags & {
  readonly descriptors: string;
  readonly providerName?: string;
  readonly results?: string;
  readonly stateUrl?: string;
  readonly stateTeardown: boolean;
  readonly publishUrl?: string;
  readonly timeout: number;
};

const HELP_FOOTER = `
For each event of the contracts its subject is subscribed to. Then the publish URL is called, so that the provider publishes the event:
POST {"description": "a book was lent", "subject": "library.v1.BookLent", "type": "library.v1.BookLent", "consumer": "Reader"}.
Without --publish-url the event has to come by itself, for example after the call of the state URL. The first event that is as
the contract says ends the wait; after --timeout the nearest one is reported.
${SECRETS_HELP}

Example:
  $ kit verify-events contracts --descriptors proto --state-url http://127.0.0.1:50099/states --publish-url http://127.0.0.1:50099/publish`;

export function addVerifyEventsCommand(program: Command, session: Session): void {
  const command = program
    .command('verify-events')
    .summary('verify event contracts through a NATS broker')
    .description('Compares the events that a running provider publishes with those that contract files rely on.')
    .argument('<file...>', 'contract files, or folders of them')
    .requiredOption('--descriptors <source>', DESCRIPTORS_HELP)
    .option('--provider-name <name>', 'use only contracts with this provider')
    .option('--results <folder>', 'write the results there, for can-i-deploy, as <provider>.json')
    .option(
      '--state-url <url>',
      'URL that sets up provider states; required if events have any',
      readHttpUrl('--state-url'),
    )
    .option('--no-state-teardown', 'do not call the state URL after events')
    .option('--publish-url <url>', 'URL that makes the provider publish an event', readHttpUrl('--publish-url'))
    .option('--timeout <ms>', 'how long to wait for each event', readPositive, 5000)
    .addHelpText('after', HELP_FOOTER);
  addBrokerOptions(command).action((files: string[], options: VerifyEventsCommandOptions) =>
    runVerifyEvents(files, options, session),
  );
}

async function runVerifyEvents(
  files: readonly string[],
  options: VerifyEventsCommandOptions,
  session: Session,
): Promise<void> {
  const { providerName, publishUrl, timeout: timeoutMs } = options;
  const types = typesOf(await readOption('--descriptors', () => loadTypes(options.descriptors)));
  const states = await createHandlers(files, options);
  await using broker = await readOption('--nats', () => openBroker(options));
  const verification = await verifyEvents({
    contracts: files,
    types,
    states,
    ...(providerName !== undefined && { provider: providerName }),
    publish: (expected) =>
      collectEvents(broker, {
        subject: expected.subject,
        timeoutMs,
        trigger: () => triggerProvider(publishUrl, expected),
        isEnough: (events) => events.some(expected.isMatch),
      }),
  });
  const { isHonoured, interactions } = verification;
  const { results } = options;
  if (results !== undefined) await readOption('--results', () => writeVerification(results, verification));
  session.print(verification.toString(), { isHonoured, interactions });
  if (!isHonoured) session.fail();
}

async function triggerProvider(
  url: string | undefined,
  { consumer, description, subject, typeName }: ExpectedEvent,
): Promise<void> {
  if (url === undefined) return;
  await readOption('--publish-url', () => postJson(url, { consumer, description, subject, type: typeName }));
}

async function createHandlers(files: readonly string[], options: VerifyEventsCommandOptions): Promise<StateHandlers> {
  const contracts = await loadContracts(files);
  const names = new Set(
    contracts
      .map(({ document }) => document)
      .filter(({ provider }) => options.providerName === undefined || provider.name === options.providerName)
      .flatMap(({ interactions }) => interactions)
      .filter(({ type }) => type === 'Asynchronous/Messages')
      .flatMap(({ providerStates = [] }) => providerStates.map(({ name }) => name)),
  );
  if (names.size === 0) return {};
  if (options.stateUrl === undefined) {
    throw new OptionError(
      `--state-url is required: events have the states ${[...names].map((name) => `"${name}"`).join(', ')}`,
    );
  }
  return createStateCallbacks(names, { url: options.stateUrl, withTeardown: options.stateTeardown });
}
