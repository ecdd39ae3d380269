// A small disk in memory, mounted for as long as a platform is up. It needs Linux and root; whoever has neither is told.
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGuardedDirectory, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';

// Guarded: it takes the mount away also when this process is killed.
const HOLD = `
mount -t tmpfs -o "size=$2,mode=0700" touchstone-chaos "$1" || exit 1
trap 'umount -l "$1"; exit 0' TERM
echo mounted
while :; do sleep 1 & wait $!; done
`;

/** Mounts a disk of so many bytes at a folder, which is made. It goes with the resources. Throws what mount says. */
export async function mountSmallDisk(resources: AsyncDisposableStack, folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const holder = spawnGuarded('/bin/sh', ['-c', HOLD, 'sh', folder, String(bytes)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    orphanSignal: 'SIGTERM',
  });
  resources.defer(() => stopGuarded(holder));
  const said: string[] = [];
  const { stdout, stderr } = holder;
  if (stdout === null || stderr === null) throw new Error('mount could not be started');
  createInterface({ input: stderr }).on('line', (line) => said.push(line));
  const lines = createInterface({ input: stdout });
  await Promise.race([once(lines, 'line'), once(holder, 'exit')]);
  if (holder.exitCode !== null) throw new Error(`no disk can be mounted: ${said.join(' ')}`);
}

/** Why no small disk can be had here; undefined when it can. */
export async function findMountObstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'a small disk is a tmpfs, which only Linux has';
  if (process.getuid?.() !== 0) return 'mounting a tmpfs needs root';
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-chaos-mount'));
  try {
    await mountSmallDisk(resources, `${folder.path}/disk`, 1 << 20);
    return undefined;
  } catch (error) {
    // Containers may forbid it, root or not.
    if (error instanceof Error) return error.message;
    throw error;
  }
}
