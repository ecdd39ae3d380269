import { describe, expect, it } from 'vitest';
import { type IdentityConfig, NO_IDENTITY } from '#services/platform/identity/identity-settings.ts';
import { isLoopback, requireSafeBinding } from '#services/platform/identity/safe-binding.ts';
import { recordLog } from '../support/recorded-log.ts';

const TLS = { cert: 'c', key: 'k', ca: 'a' };
const TOKENS = { ...NO_IDENTITY.tokens, keys: 'keys.json' };

function bind(host: string, change: Partial<IdentityConfig> = {}) {
  const { log, lines } = recordLog();
  requireSafeBinding(host, { ...NO_IDENTITY, ...change }, log);
  return lines;
}

it.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost'])('%s is reached from this machine only', (host) => {
  expect(isLoopback(host)).toBe(true);
  expect(bind(host)).toEqual([]);
});

it.each(['0.0.0.0', '::', '10.0.0.7', '192.168.1.1', '127.evil.example', 'shop.example', '::ffff:10.0.0.7', ''])(
  '%j is refused without TLS and identity',
  (host) => {
    expect(() => bind(host)).toThrow(/HOST.*TLS_CERT_FILE.*TOKEN_KEYS.*INSECURE=on/s);
  },
);

describe('an address that other machines can reach', () => {
  it('is allowed with TLS and the keys of tokens', () => {
    expect(bind('0.0.0.0', { tls: TLS, tokens: TOKENS })).toEqual([]);
  });

  it('needs both', () => {
    expect(() => bind('0.0.0.0', { tls: TLS })).toThrow(/TOKEN_KEYS are not set/);
    expect(() => bind('0.0.0.0', { tokens: TOKENS })).toThrow(
      /TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE are not set/,
    );
  });

  it('is allowed by INSECURE, with a warning', () => {
    expect(bind('0.0.0.0', { insecure: true })).toMatchObject([
      { level: 'warn', msg: expect.stringContaining('can be reached by other machines') },
    ]);
  });
});
