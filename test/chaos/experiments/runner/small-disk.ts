// A small disk in memory (tmpfs), mounted while a platform is up. Needs Linux and root; elsewhere the experiment is skipped.
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGuardedDirectory, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';

// Runs under the watchdog, so that the disk is unmounted even when this process is killed.
const HOLD = `
mount -t tmpfs -o "size=$2,mode=0700" touchstone-chaos "$1" || exit 1
trap 'umount -l "$1"; exit 0' TERM
echo mounted
while :; do sleep 1 & wait $!; done
`;

/**
 * Creates a folder and mounts a disk of this size there. It is unmounted when the resources are disposed.
 *
 * @throws {Error} the disk cannot be mounted.
 */
export async function mountSmallDisk(resources: AsyncDisposableStack, folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const holder = spawnGuarded('/bin/sh', ['-c', HOLD, 'sh', folder, String(bytes)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    orphanSignal: 'SIGTERM',
  });
  resources.defer(() => stopGuarded(holder));
  const errors: string[] = [];
  const { stdout, stderr } = holder;
  if (stdout === null || stderr === null) throw new Error('mount could not be started');
  createInterface({ input: stderr }).on('line', (line) => errors.push(line));
  const lines = createInterface({ input: stdout });
  await Promise.race([once(lines, 'line'), once(holder, 'exit')]);
  if (holder.exitCode !== null) throw new Error(`the disk cannot be mounted: ${errors.join(' ')}`);
}

/** Returns why this machine cannot mount a small disk; undefined when it can. */
export async function findMountObstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'a small disk is a tmpfs, which only Linux has';
  if (process.getuid?.() !== 0) return 'mounting a tmpfs needs root';
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-chaos-mount'));
  try {
    await mountSmallDisk(resources, `${folder.path}/disk`, 1 << 20);
    return undefined;
  } catch (error) {
    // Containers may forbid mounts even to root.
    if (error instanceof Error) return error.message;
    throw error;
  }
}
