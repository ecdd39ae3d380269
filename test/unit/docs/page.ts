// Reading pages of docs/: their text, sections and tables.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

/** Returns the text of a file by its path in the repository. */
export function readPage(path: string): string {
  return readFileSync(`${REPOSITORY}${path}`, 'utf8');
}

/** Returns the text below a heading of level 2, up to the next one; empty when there is no such heading. */
export function sectionOf(page: string, heading: string): string {
  const [, rest = ''] = `${page}\n`.split(`\n## ${heading}\n`);
  return rest.split('\n## ')[0] ?? '';
}

/** Returns the cells of every table row in a text, without headers and rulers. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const isRuler = (line: string | undefined) => line !== undefined && /^\|(-+\|)+$/.test(line);
  return lines
    .filter((line, index) => !isRuler(line) && !isRuler(lines[index + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}
