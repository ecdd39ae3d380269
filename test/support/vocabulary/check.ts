// Part of `make lint`: refuses words that STYLE and docs/glossary.md replace, in names, comments, messages and docs.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
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

let count = 0;
for (const path of paths) {
  for (const { line, found, use } of findWords(path, readFileSync(ROOT + path, 'utf8'))) {
    count += 1;
    console.error(`${path}:${line} says "${found}"; use: ${use}`);
  }
}
console.log(`${paths.length} files searched, ${count} banned words`);
if (count > 0) process.exitCode = 1;
