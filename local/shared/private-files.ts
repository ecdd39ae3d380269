// The permissions of what the local stack stores: mails, charges and passwords are for its own account alone.
import { chmod, mkdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';

/** Only the owner may read and write. */
export const PRIVATE_FILE = 0o600;

const STICKY = 0o1000;

/** The mode of the data directory. Under root, Postgres runs as another user and has to pass through it; it cannot list it. */
export function privateFolderMode(uid: number): number {
  return uid === 0 ? 0o711 : 0o700;
}

/** Creates a folder with that mode, or gives an existing one that mode. A folder that is shared, such as /tmp, stays as it is. */
export async function makePrivateFolder(path: string): Promise<void> {
  const { uid } = userInfo();
  await mkdir(path, { recursive: true });
  const { mode, uid: owner } = await stat(path);
  if (owner === uid && (mode & STICKY) === 0) await chmod(path, privateFolderMode(uid));
}
