// The temporary files of a test run are in memory where there is enough of it. On ext4 a new file costs more the more files were deleted
// in the last minute, and tests create and delete thousands: streams, clusters, packages.
import { constants } from 'node:fs';
import { access, readFile, statfs } from 'node:fs/promises';
import { freemem } from 'node:os';

/** The file system in memory that Linux offers to every program. */
const FOLDER = '/dev/shm';
/** Several times what a whole run has at once. */
const ENOUGH_BYTES = 4 * 1024 ** 3;

/**
 * Whether the folder is a file system in memory, with space, from which programs can be started.
 *
 * @param mounts the text of /proc/mounts.
 * @param freeBytes what fits into the folder, and into the machine's memory.
 */
export function isMemoryFolder(folder: string, mounts: string, freeBytes: number): boolean {
  const mount = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, mountedOn]) => mountedOn === folder);
  const [, , type, options = ''] = mount ?? [];
  return type === 'tmpfs' && !options.split(',').includes('noexec') && freeBytes >= ENOUGH_BYTES;
}

/** Sets TMPDIR for this process, and those that it starts, unless the caller has chosen one. */
export async function useMemoryFolder(environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (environment.TMPDIR !== undefined) return;
  try {
    await access(FOLDER, constants.W_OK);
    const { bavail, bsize } = await statfs(FOLDER);
    const freeBytes = Math.min(bavail * bsize, freemem());
    if (isMemoryFolder(FOLDER, await readFile('/proc/mounts', 'utf8'), freeBytes)) environment.TMPDIR = FOLDER;
  } catch {
    // Neither this folder nor /proc is on every system: then the files are where the system puts them.
  }
}
