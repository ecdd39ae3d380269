// What is wrong with an option or an argument, told in one line that names it.

/** An option or an argument cannot be used: the message begins with its name. */
export class OptionFault extends Error {}

/**
 * Returns what `read` makes of an option.
 *
 * @throws OptionFault naming the option in front of what `read` throws.
 */
export async function readOption<T>(option: string, read: () => T): Promise<Awaited<T>> {
  try {
    return await read();
  } catch (error) {
    throw new OptionFault(`${option}: ${messageOf(error)}`, { cause: error });
  }
}

// What the kit's functions call their options, and what those are here.
const optionNames: readonly (readonly [RegExp, string])[] = [
  [/^states: /, '--state: '],
  [/^redact\.fields: /, '--redact: '],
  [/^redact\.headers: /, '--redact-header: '],
  [/^maxExchanges: /, '--limit: '],
  [/^(consumer|provider): /, '--$1: '],
  [/in "(services|types)"/, 'in --descriptors'],
  [/say "replaces"/, 'say --replace'],
];

/** Returns an error as one line, in the words of the command line. */
export function oneLineOf(error: unknown): string {
  const line = messageOf(error)
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ');
  return optionNames.reduce((text, [word, option]) => text.replace(word, option), line);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
