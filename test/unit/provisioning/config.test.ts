import { expect, it } from 'vitest';
import { ConfigError } from '#services/platform/base/settings.ts';
import { loadConfig } from '#services/provisioning/config.ts';

const PROVISION_NATS_URL = 'nats://provisioner:secret@one:4222,nats://two:4222,nats://three:4222';

it('provisions one replica by default, and as many as NATS_REPLICAS says', () => {
  expect(loadConfig({ PROVISION_NATS_URL })).toEqual({
    url: PROVISION_NATS_URL,
    credentialsFile: undefined,
    tls: undefined,
    limits: { maxBytes: 1024 ** 3, maxMessageBytes: 256 * 1024, replicas: 1 },
  });
  expect(loadConfig({ PROVISION_NATS_URL, NATS_REPLICAS: '3' }).limits.replicas).toBe(3);
});

it('logs in with a credentials file, and shows a certificate', () => {
  const files = { TLS_CERT_FILE: '/tls/cert.pem', TLS_KEY_FILE: '/tls/key.pem', TLS_CA_FILE: '/tls/ca.pem' };

  expect(loadConfig({ PROVISION_NATS_URL, PROVISION_NATS_CREDS_FILE: '/nats.creds', ...files })).toMatchObject({
    credentialsFile: '/nats.creds',
    tls: { cert: '/tls/cert.pem', key: '/tls/key.pem', ca: '/tls/ca.pem' },
  });
});

it('names every faulty setting: an even number of replicas has no majority that one replica less would not have', () => {
  const environment = { PROVISION_NATS_URL: 'nats://a:secret@one:1,tls://two:2', NATS_REPLICAS: '2' };

  expect(() => loadConfig(environment)).toThrow(ConfigError);
  expect(() => loadConfig(environment)).toThrow(
    'PROVISION_NATS_URL must not mix nats:// and tls://\n  NATS_REPLICAS must be 1, 3 or 5',
  );
  expect(() => loadConfig(environment)).not.toThrow('secret');
});
