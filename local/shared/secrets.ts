// The passwords of the local stack, derived from one random secret. The first start creates it in a file only its owner can read.
import { createHmac, randomBytes } from 'node:crypto';
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makePrivateFolder, PRIVATE_FILE } from './private-files.ts';

const SECRET_BYTES = 32;

/** Returns the password of a name such as `postgres:order`. One secret always derives the same passwords. */
export type DerivePassword = (name: string) => string;

/**
 * Reads the secret in `file`, which the first call creates, and returns the passwords derived from it.
 * @throws {Error} when the file's content is not a secret.
 */
export async function loadPasswords(file: string): Promise<DerivePassword> {
  const secret = (await readSecret(file)) ?? (await createSecret(file));
  return derivePasswords(secret);
}

/** Derives passwords from the given secret: tests use a random one. */
export function derivePasswords(secret: string): DerivePassword {
  return (name) => createHmac('sha256', secret).update(name).digest('base64url');
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(file, 'utf8')).trim();
    if (!/^[0-9a-f]{64}$/.test(secret))
      throw new Error(`${file} holds no secret: remove it, and the data that its passwords protect`);
    await chmod(file, PRIVATE_FILE);
    return secret;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function createSecret(file: string): Promise<string> {
  await makePrivateFolder(dirname(file));
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(draft, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, { mode: PRIVATE_FILE, flag: 'wx' });
    // link(2) is atomic and never replaces a file, so a secret that a concurrent start created first is kept.
    await link(draft, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const secret = await readSecret(file);
  if (secret === undefined) throw new Error(`${file} was removed while it was created`);
  return secret;
}
