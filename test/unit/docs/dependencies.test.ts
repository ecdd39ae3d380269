// docs/dependencies.md gives a reason for every dependency, and lists no other.
import { expect, it } from 'vitest';
import { readPage, sectionOf, tableRows } from './page.ts';

type Manifest = Partial<Record<'dependencies' | 'devDependencies' | 'peerDependencies', Record<string, string>>>;

const manifests = ['package.json', 'packages/kit/package.json', 'packages/rpc-server/package.json'].map(
  (path) => JSON.parse(readPage(path)) as Manifest,
);
const namesOf = (kind: keyof Manifest) => manifests.flatMap((manifest) => Object.keys(manifest[kind] ?? {}));

const page = readPage('docs/dependencies.md');
const rows = (section: string) => tableRows(sectionOf(page, section));
const listed = (section: string) =>
  rows(section).flatMap(([names = '']) => [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));

const runtime = new Set([...namesOf('dependencies'), ...namesOf('peerDependencies')]);
const development = new Set(namesOf('devDependencies').filter((name) => !runtime.has(name)));

it('lists each dependency at run time once', () => {
  expect(listed('At run time').toSorted()).toEqual([...runtime].toSorted());
});

it('lists each dependency for development once', () => {
  expect(listed('For development').toSorted()).toEqual([...development].toSorted());
});

it('gives a reason for each', () => {
  const all = [...rows('At run time'), ...rows('For development')];

  expect(all.filter(([, why = '']) => why === '')).toEqual([]);
});
