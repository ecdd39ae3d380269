// The search for banned words in a text.
import { BANNED_WORDS, type BannedWord } from './words.ts';

export type FoundWord = {
  /** The first line is 1; 0 is the file's own name. */
  readonly line: number;
  readonly found: string;
  readonly use: string;
};

/** Searches a file's path and text; one finding for each word and line. */
export function findWords(path: string, text: string, words: readonly BannedWord[] = BANNED_WORDS): FoundWord[] {
  return [path, ...text.split('\n')].flatMap((raw, line) => {
    const plain = splitIdentifiers(raw);
    return words.flatMap(({ pattern, use }) => {
      const found = pattern.exec(plain)?.[0];
      return found === undefined ? [] : [{ line, found, use }];
    });
  });
}

/** `isOverTime` and `IS_OVER_TIME` become `is over time`. */
function splitIdentifiers(text: string): string {
  return text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
}
