// Errors of options and arguments: one line that begins with the name of the option.

import { reasonOf } from '../../base/error-reason.ts';

/** An option or argument is invalid. The message begins with its name. */
export class OptionError extends Error {}

/**
 * Returns the value that `read` returns for an option.
 *
 * @throws {OptionError} with the name of the option and the message of the error that `read` throws.
 */
export async function readOption<T>(option: string, read: () => T): Promise<Awaited<T>> {
  try {
    return await read();
  } catch (error) {
    throw new OptionError(`${option}: ${reasonOf(error)}`, { cause: error });
  }
}

// Names of options in the errors of the kit's functions, and the command line's names of the same options.
const OPTION_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^(states|contractStates): /, '--state: '],
  [/^redact\.fields: /, '--redact: '],
  [/^fresh: /, '--fresh: '],
  [/^redact\.keeps: /, '--keep: '],
  [/^redact\.headers: /, '--redact-header: '],
  [/^maxExchanges: /, '--limit: '],
  [/the option "ca"/, '--cacert'],
  [/^corsOrigins: /, '--cors-origin: '],
  [/^corsCredentials: /, '--cors-credentials: '],
  [/^(consumer|provider|participant|to|results): /, '--$1: '],
  [/in "(services|types)"/, 'in --descriptors'],
  [/say "replaces"/, 'say --replace'],
];

/** Returns the message of an error as one line, with the option names of the command line. */
export function oneLineOf(error: unknown): string {
  const line = reasonOf(error)
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ');
  return OPTION_NAMES.reduce((text, [word, option]) => text.replace(word, option), line);
}
