// Feature flags from a real file that changes in every way files change, and from a flagd.
import { mkdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { createFeatureFlags, type FeatureFlags } from '#services/platform/flags/feature-flags.ts';
import { createFlagFile } from '#services/platform/flags/flag-provider.ts';
import { startFlagd } from '../../../support/flagd.ts';
import { pricingFlags } from '../../../support/flags.ts';
import { recordLog } from '../support/recorded-log.ts';

type Started = AsyncDisposable & {
  readonly file: string;
  readonly flags: FeatureFlags;
  /** Whether the flag is on. */
  isOn(): Promise<boolean>;
  /** What the log warned of. */
  warnings(): unknown[];
};

/** Starts flags from a file that is not there yet, or from a flagd. */
async function startFlags(flagdUrl?: string): Promise<Started> {
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-flags'));
  const file = join(folder.path, 'flags.json');
  const { log, lines } = recordLog('order');
  const flags = createFeatureFlags({ file, flagdUrl, log });
  resources.defer(flags.stop);
  await flags.start?.();
  return {
    file,
    flags,
    isOn: () => flags.isOn('new_pricing_algorithm', 'cust123'),
    warnings: () => lines.filter(({ level }) => level === 'warn'),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

afterEach(() => void vi.useRealTimers());

const withinASecond = { timeout: 1_000, interval: 20 };

it.each<[string, (file: string, text: string) => Promise<void>]>([
  ['written in place', writeFile],
  [
    'replaced by another',
    async (file, text) => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    },
  ],
  [
    'a link that is turned to another folder',
    async (file, text) => {
      const folder = `${file}-${text.length}-${text.includes('["on",0]')}`;
      await mkdir(folder);
      await writeFile(join(folder, 'flags.json'), text);
      await symlink(join(folder, 'flags.json'), `${file}.link`);
      await rename(`${file}.link`, file);
    },
  ],
])('a flag file that is %s counts within a second, on as well as off', async (_, put) => {
  await using flags = await startFlags();
  expect(await flags.isOn()).toBe(false);
  await put(flags.file, pricingFlags(100));
  await expect.poll(flags.isOn, withinASecond).toBe(true);
  await put(flags.file, pricingFlags(0));
  await expect.poll(flags.isOn, withinASecond).toBe(false);
});

it('two customers whose names differ in case only are two subjects', async () => {
  await using flags = await startFlags();
  await writeFile(flags.file, pricingFlags(50));
  await expect.poll(() => flags.flags.list(), withinASecond).toHaveLength(1);
  const groups = ['Customer', 'customer'].map((name) =>
    Promise.all(
      Array.from({ length: 50 }, (_, index) => flags.flags.isOn('new_pricing_algorithm', `${name}-${index}`)),
    ),
  );
  const [upper, lower] = await Promise.all(groups);
  expect(upper).not.toEqual(lower);
});

it.each<[string, (file: string) => Promise<void>]>([
  ['is written in place', (file) => writeFile(file, pricingFlags(20))],
  [
    'gets back its old time',
    async (file) => {
      const { atime, mtime } = await stat(file);
      await writeFile(file, pricingFlags(20));
      await utimes(file, atime, mtime);
    },
  ],
  ['is deleted', (file) => rm(file)],
])('a flag file that is old and then %s is read again', async (_, change) => {
  await using folder = await createGuardedDirectory('touchstone-flags');
  const file = join(folder.path, 'flags.json');
  await writeFile(file, pricingFlags(10));
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
  const read = createFlagFile(file);
  expect([await read(), await read()]).toEqual([pricingFlags(10), pricingFlags(10)]);
  await change(file);
  const content = await readFile(file, 'utf8').catch(() => 'ENOENT');
  expect(await read().catch(({ code }) => code)).toBe(content);
  expect(content).not.toBe(pricingFlags(10));
});

it.each<[string, string, (file: string) => Promise<unknown>]>([
  ['is broken', 'JSON', (file) => writeFile(file, '{"flags": {"new_pric')],
  ['is deleted', 'ENOENT', (file) => rm(file)],
  ['is far too large', 'more than 262144 bytes', (file) => writeFile(file, pricingFlags(0).padEnd(300_000))],
  ['is a folder', 'is no file', async (file) => await rm(file).then(() => mkdir(file))],
])('a flag file that %s keeps the last good one in force, and the log says so', async (_, fault, spoil) => {
  await using flags = await startFlags();
  await writeFile(flags.file, pricingFlags(100));
  await expect.poll(flags.isOn, withinASecond).toBe(true);
  await spoil(flags.file);
  await expect.poll(flags.warnings).toContainEqual(
    expect.objectContaining({
      msg: 'the feature flags cannot be read, the last good flags stay in force',
      fault: expect.stringContaining(fault),
    }),
  );
  expect(await flags.isOn()).toBe(true);
});

it('flags follow a flagd within a second of a change; while it is unreachable, its last flags apply', async () => {
  await using flagd = await startFlagd(pricingFlags(100));
  await using flags = await startFlags(flagd.url);
  expect(await flags.isOn()).toBe(true);
  flagd.change(pricingFlags(0));
  await expect.poll(flags.isOn, withinASecond).toBe(false);
  flagd.change('{"flags": {"new_pric');
  flagd.change(pricingFlags(100));
  await expect.poll(flags.isOn, withinASecond).toBe(true);
  await flagd[Symbol.asyncDispose]();
  await expect.poll(flags.warnings).toHaveLength(1);
  expect(await flags.isOn()).toBe(true);
});

it('an unreachable flagd leaves flags off, delays no start, and its flags apply once it is reachable', async () => {
  const once = await startFlagd(pricingFlags(100));
  const { port, url } = once;
  await once[Symbol.asyncDispose]();
  await using flags = await startFlags(url);
  expect(await flags.isOn()).toBe(false);
  expect(flags.warnings()).toContainEqual(expect.objectContaining({ msg: expect.stringContaining('unavailable') }));
  {
    await using _ = await startFlagd(pricingFlags(100), port);
    await expect.poll(flags.isOn).toBe(true);
  }
  expect(await flags.isOn()).toBe(true);
});
