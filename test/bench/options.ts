// Options of the benchmarks' command lines.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { describeError } from '../../services/platform/base/errors.ts';

/** An option is invalid; the message names it. */
export class InvalidOption extends Error {
  override readonly name = 'InvalidOption';
}

/** @throws {InvalidOption} an option is unknown or lacks its value. */
export function parseOptions<const Options extends NonNullable<ParseArgsConfig['options']>>(
  given: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...given], options }).values;
  } catch (error) {
    // Only the first sentence: the others explain dashes and positional arguments.
    throw new InvalidOption(describeError(error).split(/\.\s/)[0], { cause: error });
  }
}

/** @throws {InvalidOption} the text is no integer between the limits. */
export function readInteger(option: string, text: string, min: number, max: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new InvalidOption(`${option}: ${text === '' ? 'nothing' : text} is not an integer from ${min} to ${max}`);
}

/** @throws {InvalidOption} the text is no list of different numbers of callers, like `1,32`. */
export function readCallers(option: string, text: string): number[] {
  const callers = text.split(',').map((item) => readInteger(option, item, 1, 1_024));
  if (new Set(callers).size < callers.length) throw new InvalidOption(`${option}: ${text} names a number twice`);
  return callers;
}

/** @throws {InvalidOption} the text is not like `LOG_LEVEL=warn`. */
export function readSetting(option: string, text: string): [name: string, value: string] {
  const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidOption(`${option}: ${text} is not like LOG_LEVEL=warn`);
  return [name, value];
}
