// docs/testing.md names tests for every section of the seed map, and only tests that are tagged with it.
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SECTIONS, type Section, tagOf } from '../../support/seed-map/sections.ts';
import { REPOSITORY, readPage } from './page.ts';

const sections = Object.keys(SECTIONS) as Section[];
const tests = globSync('test/**/*.test.ts', { cwd: REPOSITORY, exclude: ['**/node_modules'] });
const textOf = (path: string) => readFileSync(`${REPOSITORY}${path}`, 'utf8');
const isTagged = (path: string, section: Section) => textOf(path).includes(`tags: '${tagOf(section)}'`);

/** The tests in the tables of the page, by section. */
function documentedTests(): [section: Section, paths: string[]][] {
  const rows = readPage('docs/testing.md').matchAll(/^\| (\d\.\d) [^|]+\|(.+)\|$/gm);
  return [...rows].map(([, section = '', links = '']) => [
    section as Section,
    [...links.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, path = '']) => path),
  ]);
}

it('every section has a tagged test', () => {
  expect(sections.filter((section) => !tests.some((path) => isTagged(path, section)))).toEqual([]);
});

it('docs/testing.md has every section once, in order', () => {
  expect(documentedTests().map(([section]) => section)).toEqual(sections);
});

it('docs/testing.md names only tests with the tag of their section', () => {
  const untagged = documentedTests().flatMap(([section, paths]) =>
    paths.filter((path) => !isTagged(path, section)).map((path) => `${section}: ${path}`),
  );
  expect(untagged).toEqual([]);
});
