// The files through which the local stack gives its services their identity: the public key, and a token for each service that calls others.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceName } from '../shared/topology.ts';
import type { Role, TokenIssuer } from './token-issuer.ts';

const LIFETIME_MS = 60 * 60_000;
const RENEW_PERIOD_MS = 15 * 60_000;

/** The services that call others, with their roles. */
const CALLERS: Partial<Record<ServiceName, Role>> = { order: 'service', monitor: 'monitor', console: 'operator' };

/** Path of the public keys, for TOKEN_KEYS. */
export function keysFile(dataDir: string): string {
  return join(dataDir, 'identity', 'keys.json');
}

/** Path of a service's token, for IDENTITY_TOKEN_FILE; undefined for a service that calls no other. */
export function tokenFile(dataDir: string, service: ServiceName): string | undefined {
  return CALLERS[service] === undefined ? undefined : join(dataDir, 'identity', `${service}.token`);
}

/**
 * Writes the files, and renews the tokens long before they expire.
 * @param onError Called when a renewal failed; the next one follows.
 */
export async function provideIdentity(
  dataDir: string,
  issuer: TokenIssuer,
  onError: (error: unknown) => void,
): Promise<Disposable> {
  await mkdir(join(dataDir, 'identity'), { recursive: true, mode: 0o700 });
  await replaceFile(keysFile(dataDir), JSON.stringify(await issuer.keySet()));
  await writeTokens(dataDir, issuer);
  const renewal = setInterval(() => void writeTokens(dataDir, issuer).catch(onError), RENEW_PERIOD_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(renewal) };
}

async function writeTokens(dataDir: string, issuer: TokenIssuer): Promise<void> {
  for (const [service, role] of Object.entries(CALLERS)) {
    const path = tokenFile(dataDir, service as ServiceName);
    if (path === undefined) continue;
    await replaceFile(path, await issuer.issue({ role, subject: service, lifetimeMs: LIFETIME_MS }));
  }
}

// A reader sees the old file or the new one, never a half.
async function replaceFile(path: string, content: string): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, `${content}\n`, { mode: 0o600 });
  await rename(draft, path);
}
