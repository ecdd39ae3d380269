// Whether a service may listen where it is told to: other machines reach it only over TLS, and only if it can tell who calls.
import { isIP } from 'node:net';
import { ConfigError } from '../base/settings.ts';
import type { Logger } from '../observability/log.ts';
import type { IdentityConfig } from './identity-settings.ts';

/**
 * Requires TLS and the keys of tokens of a service on an address that other machines can reach. With INSECURE=on it only warns.
 *
 * @throws {ConfigError} naming the settings that are missing.
 */
export function requireSafeBinding(host: string, { tls, tokens, insecure }: IdentityConfig, log: Logger): void {
  if (isLoopback(host)) return;
  const missing = [
    ...(tls === undefined ? ['TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE'] : []),
    ...(tokens.keys === undefined ? ['TOKEN_KEYS'] : []),
  ];
  if (missing.length === 0) return;
  const fault = `HOST ${host} can be reached by other machines, but ${missing.join(' and ')} are not set`;
  if (!insecure) {
    throw new ConfigError(`cannot start, these settings are wrong:\n  ${fault}; INSECURE=on allows it`);
  }
  log.warn({ host }, `${fault}: INSECURE=on allows it`);
}

/** Whether an address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === 'localhost' || host === '::1';
}
