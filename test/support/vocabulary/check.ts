// Part of `make lint`: refuses words that docs/glossary.md replaces, in names, comments, messages and docs, and interfaces that should
// be types.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findLoneInterfaces } from './find-interfaces.ts';
import { findWords } from './find-words.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SEARCHED = [
  '*.ts',
  '*.tsx',
  '*.md',
  '*.proto',
  '*.sql',
  '*.sh',
  '*.yaml',
  '*.yml',
  '*.css',
  'Makefile',
  '.ci/run',
];
// The list itself, its tests, and names of things that are in the world, not in this repository.
const EXCLUDED = ['test/support/vocabulary/words.ts', 'test/unit/support/vocabulary.test.ts'];

const paths = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...SEARCHED], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && !EXCLUDED.includes(path));

const sources = paths.map((path) => ({ path, text: readFileSync(ROOT + path, 'utf8') }));

const words = sources.flatMap(({ path, text }) =>
  findWords(path, text).map(({ line, found, use }) => `${path}:${line} says "${found}"; use: ${use}`),
);
const production = sources.filter(({ path }) => /^(services|packages|local)\/.*\.ts$/.test(path));
const interfaces = findLoneInterfaces(production).map(
  ({ path, line, name }) => `${path}:${line} declares the interface ${name}, which no class implements; use: type`,
);

for (const problem of [...words, ...interfaces]) console.error(problem);
console.log(
  `${paths.length} files searched, ${words.length} banned words, ${interfaces.length} interfaces without a class`,
);
if (words.length + interfaces.length > 0) process.exitCode = 1;
