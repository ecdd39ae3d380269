// The entry point of the provisioning step, which ends when the streams and consumers are as they should be.
import process from 'node:process';
import { DOMAIN, EVENT_FLOWS } from '../domain.ts';
import { describeError } from '../platform/base/errors.ts';
import { provisionBroker } from '../platform/messaging/provisioning.ts';
import { scrubSecrets } from '../platform/observability/log.ts';
import { loadConfig } from './config.ts';

try {
  await provisionBroker({ ...loadConfig(process.env), domain: DOMAIN, flows: EVENT_FLOWS });
  process.stdout.write('the streams and consumers are provisioned\n');
} catch (error) {
  process.stderr.write(`the streams and consumers are not provisioned: ${scrubSecrets(describeError(error))}\n`);
  process.exitCode = 1;
}
