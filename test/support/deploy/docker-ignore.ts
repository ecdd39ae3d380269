// What a .dockerignore leaves out of the build context.
import { matchesGlob } from 'node:path';

type Pattern = { readonly glob: string; readonly isException: boolean };

/**
 * Reads the patterns. The function that it returns says of a path of the context whether it is left out: by the last pattern that matches
 * the path or a folder above it.
 */
export function readIgnored(text: string): (path: string) => boolean {
  const patterns = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): Pattern => ({ glob: line.replace(/^!/, '').replace(/\/$/, ''), isException: line.startsWith('!') }));
  return (path) => {
    const parts = path.split('/');
    const ways = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    const last = patterns.findLast(({ glob }) => ways.some((way) => matchesGlob(way, glob)));
    return last !== undefined && !last.isException;
  };
}
