import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import {
  explainConnectError,
  explainProvisioningError,
  readCredentialsFile,
} from '#services/platform/messaging/broker-faults.ts';

it.each([
  ['CONNECTION_REFUSED', 'no server of NATS_URL answers, of one:4222, two:4222: CONNECTION_REFUSED'],
  ['TIMEOUT', 'no server of NATS_URL answers, of one:4222, two:4222: TIMEOUT'],
  [
    "'Authorization Violation'",
    "the broker refuses the user of NATS_URL or NATS_CREDS_FILE: 'Authorization Violation'",
  ],
  ['tls', expect.stringMatching(/^TLS with the servers of NATS_URL fails; .*tls:\/\/.* TLS_CA_FILE .*: tls$/)],
  ['self-signed certificate in certificate chain', expect.stringContaining('TLS_CA_FILE must have their authority')],
  ["Hostname/IP does not match certificate's altnames", expect.stringContaining('TLS with the servers of NATS_URL')],
])('a connection that fails by %s is explained with the setting to look at', (reason, message) => {
  const cause = new Error(reason);
  const explained = explainConnectError(cause, ['one:4222', 'two:4222'], 'NATS');

  expect(explained.message).toEqual(message);
  expect(explained.cause).toBe(cause);
});

it('the settings of the provisioning step are named as they are', () => {
  const { message } = explainConnectError(new Error('Authorization Violation'), ['one:1'], 'PROVISION_NATS');

  expect(message).toContain('the user of PROVISION_NATS_URL or PROVISION_NATS_CREDS_FILE');
});

it.each([
  'replicas > 1 not supported in non-clustered mode',
  'no suitable peers for placement',
  'insufficient resources',
])('a stream that is refused by "%s" is explained by NATS_REPLICAS', (reason) => {
  expect(explainProvisioningError(new Error(reason), 3)).toMatchObject({
    message: `NATS_REPLICAS is 3, and the broker has fewer servers with room: ${reason}`,
  });
});

it('a stream that is refused for another reason keeps its error', () => {
  const error = new Error('subjects overlap with an existing stream');

  expect(explainProvisioningError(error, 3)).toBe(error);
});

it('a file without a JWT and a seed is no credentials file, and is not quoted', async () => {
  const path = fileURLToPath(import.meta.url);

  await expect(readCredentialsFile(path.replace('.test', '.none'), 'NATS')).rejects.toThrow(
    /^NATS_CREDS_FILE cannot be read: ENOENT/,
  );
  await expect(readCredentialsFile(fileURLToPath(new URL('inbox.test.ts', import.meta.url)), 'NATS')).rejects.toThrow(
    /^NATS_CREDS_FILE must name a credentials file of NATS, with a JWT and a seed$/,
  );
});
