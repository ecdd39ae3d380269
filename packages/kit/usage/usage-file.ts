// The usage file of a consumer and a provider: JSON in a stable order with one name a line, so that diffs are readable.

import { type ConsumerUsage, ownerOf, type TestUsage, USAGE_KINDS, type UsedType } from './usage.ts';

/** A usage file is invalid. The message names the file and the problem. */
export class UsageFileError extends Error {}

const FORMAT_VERSION = '1';

/**
 * Merges the usage recorded by the tests of one test file into the existing usage.
 *
 * @param isWhole whether all tests of the test file have run, so that usage of its other tests is removed.
 * @throws {UsageFileError} if the existing usage belongs to another consumer or provider.
 */
export function mergeUsage(
  existing: ConsumerUsage | undefined,
  recorded: ConsumerUsage,
  testFile: string,
  isWhole: boolean,
): ConsumerUsage {
  const { consumer, provider } = recorded;
  if (existing && (existing.consumer !== consumer || existing.provider !== provider)) {
    throw new UsageFileError(
      `the usage is between ${existing.consumer} and ${existing.provider}, not ${consumer} and ${provider}`,
    );
  }
  const ran = new Set(recorded.tests.map(({ test }) => test));
  const kept = (existing?.tests ?? []).filter(({ file, test }) => file !== testFile || !(isWhole || ran.has(test)));
  const tests = [...kept, ...recorded.tests];
  const types = { ...existing?.types };
  for (const [name, type] of Object.entries(recorded.types)) {
    types[name] = { ...types[name], ...type, numbers: { ...types[name]?.numbers, ...type.numbers } };
  }
  return { consumer, provider, types: withoutUnused(types, tests), tests };
}

// Removes types and members that no test uses any more, and sorts the others, so that the file does not depend on the order of tests.
function withoutUnused(types: ConsumerUsage['types'], tests: readonly TestUsage[]): ConsumerUsage['types'] {
  const members = new Set(tests.flatMap(({ calls, sets, reads, values }) => [...calls, ...sets, ...reads, ...values]));
  const whole = new Set(tests.flatMap((test) => test.whole));
  const names = new Set([...whole, ...tests.flatMap((test) => test.types), ...[...members].map(ownerOf)]);
  const used = Object.entries(types).filter(([name]) => names.has(name));
  return Object.fromEntries(
    used.sort(byKey).map(([name, { file, numbers }]): [string, UsedType] => {
      const ofTests = Object.entries(numbers).filter(([own]) => whole.has(name) || members.has(`${name}.${own}`));
      return [name, { ...(file !== undefined && { file }), numbers: Object.fromEntries(ofTests.sort(byKey)) }];
    }),
  );
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** Returns the text of a usage file. */
export function renderUsage({ consumer, provider, types, tests }: ConsumerUsage): string {
  const keyOf = ({ file, test }: TestUsage) => JSON.stringify([file, test]);
  const sorted = [...tests].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const json = { formatVersion: FORMAT_VERSION, consumer, provider, types, tests: sorted.map(withoutEmpty) };
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

function withoutEmpty(usage: TestUsage): Partial<TestUsage> {
  return Object.fromEntries(Object.entries(usage).filter(([, names]) => names.length > 0));
}

/**
 * Parses the text of a usage file.
 *
 * @param source the name of the file, for errors.
 * @throws {UsageFileError} naming the file and the problem.
 */
export function parseUsage(text: string, source: string): ConsumerUsage {
  const json = parseJson(text, source) as (Partial<ConsumerUsage> & { formatVersion?: unknown }) | null;
  const fail = (problem: string): never => {
    throw new UsageFileError(`${source}: ${problem}`);
  };
  if (json?.formatVersion !== FORMAT_VERSION) fail(`formatVersion is ${json?.formatVersion}, not ${FORMAT_VERSION}`);
  const { consumer, provider, types, tests } = json as Partial<ConsumerUsage>;
  if (typeof consumer !== 'string') return fail('consumer is missing');
  if (typeof provider !== 'string') return fail('provider is missing');
  if (typeof types !== 'object' || types === null) return fail('types is missing');
  if (!Array.isArray(tests)) return fail('tests is not a list');
  for (const [name, type] of Object.entries(types)) {
    if (typeof type?.numbers !== 'object') fail(`types["${name}"].numbers is missing`);
  }
  return { consumer, provider, types, tests: tests.map((test, index) => readTest(test, `${source}: tests[${index}]`)) };
}

function readTest(json: Partial<TestUsage>, at: string): TestUsage {
  const { file, test } = json;
  if (typeof file !== 'string' || typeof test !== 'string') throw new UsageFileError(`${at}: file or test is missing`);
  const names = USAGE_KINDS.map((kind) => {
    const ofKind: unknown = json[kind] ?? [];
    if (!Array.isArray(ofKind) || ofKind.some((name) => typeof name !== 'string')) {
      throw new UsageFileError(`${at}.${kind} is not a list of names`);
    }
    return [kind, ofKind];
  });
  return { file, test, ...Object.fromEntries(names) } as TestUsage;
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageFileError(`${source}: is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
