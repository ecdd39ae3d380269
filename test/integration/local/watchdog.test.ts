import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { createGuardedDirectory, hasEnded, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import { findWatchdog, isAlive, startOwner } from './processes.ts';

type Guarded = {
  readonly leader: number;
  readonly follower: number;
  readonly directory: string;
};

const WITHIN = { timeout: 10_000, interval: 20 };
// Shorter than the grace of those that are asked to stop.
const AT_ONCE = { timeout: 4_000, interval: 20 };

describe('a guarded process', () => {
  it('dies with its group and its guarded directory when its parent is killed', async () => {
    await using owner = await startOwner<Guarded>('guard-owner', ['SIGKILL', '/dev/null', 'waits']);
    const { leader, follower, directory } = owner.owned;
    expect([isAlive(leader), isAlive(follower), existsSync(directory)]).toEqual([true, true, true]);

    await owner.kill();

    await vi.waitFor(() => {
      expect([isAlive(leader), isAlive(follower), existsSync(directory)]).toEqual([false, false, false]);
    }, AT_ONCE);
  });

  it('receives its orphan signal first, and is killed when it does not stop', async () => {
    await using folder = await createGuardedDirectory('touchstone-test');
    const lastWords = join(folder.path, 'last-words');
    await using owner = await startOwner<Guarded>('guard-owner', ['SIGTERM', lastWords, 'waits']);

    await owner.kill();

    await expect.poll(() => existsSync(lastWords) && readFile(lastWords, 'utf8'), WITHIN).toBe('stopped\n');
    await expect.poll(() => isAlive(owner.owned.leader), WITHIN).toBe(false);
    await expect.poll(() => isAlive(owner.owned.follower), WITHIN).toBe(false);
  });

  it('does not keep its parent alive, and dies when the parent exits', async () => {
    await using owner = await startOwner<Guarded>('guard-owner', ['SIGKILL', '/dev/null', 'ends']);

    expect(await owner.ended).toBe(0);

    await expect.poll(() => isAlive(owner.owned.leader), WITHIN).toBe(false);
    await expect.poll(() => existsSync(owner.owned.directory), WITHIN).toBe(false);
  });

  it('stays guarded after the watchdog was killed', async () => {
    await using owner = await startOwner<Guarded>('guard-owner', ['SIGKILL', '/dev/null', 'waits']);
    const first = findWatchdog(owner.pid);
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect(findWatchdog(owner.pid)).not.toBe(first), WITHIN);

    await owner.kill();

    await expect.poll(() => isAlive(owner.owned.leader), WITHIN).toBe(false);
    await expect.poll(() => existsSync(owner.owned.directory), WITHIN).toBe(false);
  });

  it('ends its own children when it ends', async () => {
    const leader = spawnGuarded('/bin/sh', ['-c', 'sleep 300 & echo $!'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const follower = await new Promise<string>((resolve) => leader.stdout?.once('data', resolve));

    await expect.poll(() => isAlive(Number(follower)), WITHIN).toBe(false);
    expect(leader.exitCode).toBe(0);
  });

  it("inherits its caller's descriptors and none of the watchdog's", async () => {
    const child = spawnGuarded('/bin/sh', ['-c', 'echo extra >&3; ls /proc/$$/fd'], {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    });
    const extra = child.stdio[3];
    if (!(extra && 'read' in extra) || child.stdout === null) throw new Error('the descriptors are missing');

    const [said, descriptors] = await Promise.all([text(extra), text(child.stdout)]);
    expect(said).toBe('extra\n');
    expect(
      descriptors
        .trim()
        .split('\n')
        .map(Number)
        .filter((fd) => fd < 10),
    ).toEqual([0, 1, 2, 3]);
  });

  it('exits with 127 and a message when the command does not exist', async () => {
    const child = spawnGuarded('no-such-command', [], { stdio: ['ignore', 'ignore', 'pipe'] });
    if (child.stderr === null) throw new Error('no stderr');

    expect(await text(child.stderr)).toContain('no-such-command');
    await expect.poll(() => child.exitCode, WITHIN).toBe(127);
  });

  it('is killed when it does not stop within the grace period', async () => {
    const child = spawnGuarded('/bin/sh', ['-c', "trap '' TERM; echo ready; while :; do sleep 300; done"]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));

    await stopGuarded(child, { graceMs: 50 });

    expect(child.signalCode).toBe('SIGKILL');
    expect(hasEnded(child)).toBe(true);
  });
});

describe('a guarded directory', () => {
  it('is private, and removed by its disposal', async () => {
    let path: string;
    {
      await using directory = await createGuardedDirectory('touchstone-test');
      path = directory.path;
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
    expect(existsSync(path)).toBe(false);
  });

  it('stays guarded when one is removed whose name is the beginning of its own', async () => {
    await using owner = await startOwner<{ readonly shorter: string; readonly longer: string }>('guard-beginning');
    const { shorter, longer } = owner.owned;
    expect([longer.startsWith(shorter), existsSync(shorter), existsSync(longer)]).toEqual([true, false, true]);

    await owner.kill();

    await expect.poll(() => existsSync(longer), WITHIN).toBe(false);
  });

  it('lets the watchdog end when nothing is left to guard', async () => {
    // In a process of its own: what other tests of this worker have started stays guarded.
    await using owner = await startOwner<{ readonly directory: string }>('guard-releaser');
    const watchdog = findWatchdog(owner.pid);

    process.kill(owner.pid, 'SIGUSR2');

    await expect.poll(() => isAlive(watchdog), WITHIN).toBe(false);
    expect([isAlive(owner.pid), existsSync(owner.owned.directory)]).toEqual([true, false]);
  });
});
