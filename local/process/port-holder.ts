// The process that holds a port, found in /proc, so that the error about a taken port can name it.

import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

const LISTEN = '0A';
const TIME_WAIT = '06';

export type PortHolder = {
  /** False for an outgoing connection: the system may give it one of our ports as its local port. */
  listens: boolean;
  pid: number;
  program: string;
};

/** Returns the process that holds a TCP port; undefined when none does, or where there is no readable /proc. */
export async function findPortHolder(port: number): Promise<PortHolder | undefined> {
  const sockets = [...(await readSockets('/proc/net/tcp', port)), ...(await readSockets('/proc/net/tcp6', port))];
  const listening = sockets.filter(({ state }) => state === LISTEN);
  const inodes = new Set((listening.length > 0 ? listening : sockets).map(({ inode }) => inode));
  if (inodes.size === 0) return undefined;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || !(await holdsSocket(name, inodes))) continue;
    return { listens: listening.length > 0, pid: Number(name), program: await readProgram(name) };
  }
  return undefined;
}

/** The sockets whose local port this is, without those in TIME_WAIT, which do not block a listener. */
async function readSockets(table: string, port: number): Promise<{ state: string; inode: string }[]> {
  const portHex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = (await unlessGone(readFile(table, 'utf8'), '')).split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, local, , state, , , , , , inode] = row.trim().split(/\s+/);
    if (!local?.endsWith(`:${portHex}`) || state === undefined || state === TIME_WAIT || inode === undefined) return [];
    return [{ state, inode: `socket:[${inode}]` }];
  });
}

async function holdsSocket(pid: string, inodes: Set<string>): Promise<boolean> {
  for (const descriptor of await unlessGone(readdir(`/proc/${pid}/fd`), [])) {
    if (inodes.has(await unlessGone(readlink(`/proc/${pid}/fd/${descriptor}`), ''))) return true;
  }
  return false;
}

/** The program's name, without its arguments: they may hold secrets. */
async function readProgram(pid: string): Promise<string> {
  return basename(await unlessGone(readlink(`/proc/${pid}/exe`), 'unknown program'));
}

/** Returns `otherwise` when a process ended, belongs to another user, or the system has no /proc. */
async function unlessGone<Result>(reading: Promise<Result>, otherwise: Result): Promise<Result> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return otherwise;
    throw error;
  }
}
