// The temporary files of a test run are in memory where there is enough of it. On ext4 a new file costs more the more files were deleted
// in the last minute, and tests create and delete thousands: streams, clusters, packages.
import { constants } from 'node:fs';
import { access, chmod, readFile, statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { createGuardedDirectory } from '#local/process/watchdog.ts';

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

/** The folder for temporary files, or undefined where there is none in memory or the caller has chosen one. */
export async function findMemoryFolder(environment: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (environment.TMPDIR !== undefined) return;
  try {
    await access(FOLDER, constants.W_OK);
    const { bavail, bsize } = await statfs(FOLDER);
    const freeBytes = Math.min(bavail * bsize, freemem());
    return isMemoryFolder(FOLDER, await readFile('/proc/mounts', 'utf8'), freeBytes) ? FOLDER : undefined;
  } catch {
    // Neither this folder nor /proc is on every system: then the files are where the system puts them.
    return;
  }
}

/** For vitest's globalSetup: all that the run starts inherits a folder of the run, which goes with it, also when it is killed. */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  const folder = await findMemoryFolder();
  if (folder === undefined) return;
  process.env.TMPDIR = folder;
  const own = await createGuardedDirectory('tests');
  // The database's account must be able to traverse this folder.
  await chmod(own.path, 0o711);
  process.env.TMPDIR = own.path;
  return async () => {
    await own[Symbol.asyncDispose]();
  };
}
