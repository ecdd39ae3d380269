import { expect, it } from 'vitest';
import { findMemoryFolder, isMemoryFolder } from '../../support/temporary-files/memory-folder.ts';

const GIB = 1024 ** 3;
const ROOT = '/dev/vda / ext4 rw,relatime 0 0';
const SHM = 'tmpfs /dev/shm tmpfs rw,nosuid,size=24684096k 0 0';

it.each<[string, boolean, string[], number]>([
  ['a file system in memory with space', true, [ROOT, SHM], 8 * GIB],
  ['one with too little space or memory', false, [ROOT, SHM], 2 * GIB],
  ['one from which no program starts, as in a container', false, [ROOT, SHM.replace('nosuid', 'noexec')], 8 * GIB],
  ['one on which a disk is mounted', false, [SHM, '/dev/vdb /dev/shm ext4 rw 0 0'], 8 * GIB],
  ['a folder of another file system', false, [ROOT], 8 * GIB],
])('temporary files can be in %s: %s', (_, expected, mounts, freeBytes) => {
  expect(isMemoryFolder('/dev/shm', `${mounts.join('\n')}\n`, freeBytes)).toBe(expected);
});

it('temporary files are where the caller of the tests wants them', async () => {
  expect(await findMemoryFolder({ TMPDIR: '/var/tmp' })).toBeUndefined();
});
