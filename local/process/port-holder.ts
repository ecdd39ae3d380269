// What holds a port, found in /proc: the error about a taken port names the process, and what passes by itself is waited for.

import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

const LISTEN = '0A';

export type PortUse =
  /** A server listens: the port stays taken until it ends. */
  | 'listener'
  /**
   * The system gave an outgoing connection one of our ports as its local port. It blocks a listener until it is closed, and for a minute
   * after that (TIME_WAIT), because a client does not set SO_REUSEADDR.
   */
  | 'connection'
  /** None: it was released in the meantime. */
  | 'none'
  /** The system has no readable /proc. */
  | 'unknown';

export type PortHolder = {
  use: PortUse;
  /** Undefined when it is another user's process, or none, as in TIME_WAIT. */
  process: { pid: number; program: string } | undefined;
};

/** Returns what holds a TCP port. */
export async function findPortHolder(port: number): Promise<PortHolder> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((table) => readSockets(table, port)));
  if (tables[0] === undefined) return { use: 'unknown', process: undefined };
  const sockets = tables.flatMap((table) => table ?? []);
  const listening = sockets.filter(({ state }) => state === LISTEN);
  const inodes = new Set((listening.length > 0 ? listening : sockets).map(({ inode }) => inode));
  if (sockets.length === 0) return { use: 'none', process: undefined };
  return { use: listening.length > 0 ? 'listener' : 'connection', process: await findProcess(inodes) };
}

async function findProcess(inodes: Set<string>): Promise<PortHolder['process']> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || !(await holdsSocket(name, inodes))) continue;
    return { pid: Number(name), program: await readProgram(name) };
  }
  return undefined;
}

/** The sockets whose local port this is; undefined when there is no such table. */
async function readSockets(table: string, port: number): Promise<{ state: string; inode: string }[] | undefined> {
  const portHex = port.toString(16).toUpperCase().padStart(4, '0');
  const text = await unlessGone<string | undefined>(readFile(table, 'utf8'), undefined);
  const rows = text?.split('\n').slice(1);
  return rows?.flatMap((row) => {
    const [, local, , state, , , , , , inode] = row.trim().split(/\s+/);
    if (!local?.endsWith(`:${portHex}`) || state === undefined || inode === undefined) return [];
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
