// Relative links in Markdown files lead somewhere: to a file or folder, and to a heading where one is named.
import { existsSync, globSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, it } from 'vitest';
import { REPOSITORY, readPage } from './page.ts';

const files = globSync(['*.md', '{docs,.github,packages,services,local,test}/**/*.md'], {
  cwd: REPOSITORY,
  exclude: (path) => /(^|\/)(node_modules|dist|gen)$/.test(path),
});

const withoutCode = (text: string) => text.replaceAll(/^ *```.*?^ *```$/gms, '').replaceAll(/`[^`\n]*`/g, '');

/** GitHub's anchor of each heading: lower case, punctuation dropped, spaces as hyphens. */
function anchorsOf(path: string): Set<string> {
  const headings = readPage(path)
    .replaceAll(/^ *```.*?^ *```$/gms, '')
    .matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function linksOf(path: string): { link: string; target: string; anchor: string | undefined }[] {
  const links = [...withoutCode(readPage(path)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [relative = '', anchor] = link.split('#');
      return { link, target: relative === '' ? path : posix.join(posix.dirname(path), relative), anchor };
    });
}

function describeBroken(path: string): string[] {
  return linksOf(path).flatMap(({ link, target, anchor }) => {
    if (!existsSync(`${REPOSITORY}${target}`)) return [`${path}: ${link} does not exist`];
    if (anchor === undefined || anchorsOf(target).has(anchor)) return [];
    return [`${path}: ${link} has no such heading`];
  });
}

it('resolve in every file', () => {
  expect(files.length).toBeGreaterThan(20);
  expect(files.flatMap(describeBroken)).toEqual([]);
});
