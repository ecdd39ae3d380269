import { expect, it } from 'vitest';
import { readIgnored } from '../../support/deploy/docker-ignore.ts';

it.each<[string, string, string, boolean]>([
  ['that no pattern names is kept', 'docs', 'services/order.ts', false],
  ['is left out by its name', 'notes.md', 'notes.md', true],
  ['is left out with its folder', 'docs', 'docs/images/a.svg', true],
  ['is left out with everything at the top', '*', 'services/order/main.ts', true],
  ['of a folder that is taken back is kept', '*\n!services', 'services/order/main.ts', false],
  ['next to what is taken back is left out', '*\n!packages/kit/package.json', 'packages/kit/index.ts', true],
  ['is left out at any depth', '*\n!services\n**/node_modules', 'services/console/node_modules/a/b.js', true],
  ['is kept when the last pattern takes it back', '**/gen\n!gen', 'gen/a.ts', false],
  ['named by a comment is kept', '# docs', 'docs/a.md', false],
])('a file %s', (_, text, path, isIgnored) => {
  expect(readIgnored(text)(path)).toBe(isIgnored);
});
