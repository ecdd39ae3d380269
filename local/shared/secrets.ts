// Passwords of the local stack: derived from one random secret that is made at first start and kept in a private file.
import { createHmac, randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const SECRET_BYTES = 32;

/** Gives the password of one name, for instance `postgres:order`: always the same for the same secret. */
export type DerivePassword = (name: string) => string;

/**
 * Reads the secret kept in `file`, making it (and its folder) at first use, readable by the owner only.
 * Returns the passwords derived from it. Throws when the file holds anything else than a secret.
 */
export async function loadPasswords(file: string): Promise<DerivePassword> {
  const secret = (await readSecret(file)) ?? (await createSecret(file));
  return derivePasswords(secret);
}

/** Returns the passwords derived from a secret of the caller's: tests use a random one. */
export function derivePasswords(secret: string): DerivePassword {
  return (name) => createHmac('sha256', secret).update(name).digest('base64url');
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(file, 'utf8')).trim();
    if (!/^[0-9a-f]{64}$/.test(secret))
      throw new Error(`${file} holds no secret: remove it together with the data it opens`);
    await chmod(file, 0o600);
    return secret;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function createSecret(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(draft, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
    // A link appears whole or not at all, and never replaces the secret of somebody who was faster.
    await link(draft, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const secret = await readSecret(file);
  if (secret === undefined) throw new Error(`${file} was removed while it was being made`);
  return secret;
}
