// The lock files: what is installed is what was reviewed, on every system.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

type Entry = { readonly link?: boolean; readonly integrity?: string };

it.each(['package-lock.json', 'test/bench/package-lock.json'])('%s has the integrity of every package', (path) => {
  const file = new URL(`../../../${path}`, import.meta.url);
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages: Readonly<Record<string, Entry>> };
  const installed = Object.entries(packages).filter(([name, { link }]) => name.includes('node_modules/') && !link);

  expect(installed.length).toBeGreaterThan(1);
  expect(installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([name]) => name)).toEqual([]);
});
