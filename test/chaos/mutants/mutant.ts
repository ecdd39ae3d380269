// A mutant: a small change of production code that breaks one promise, and the tests that have to catch it.

/** A test, by its file and its title. */
export type NamedTest = {
  /** From the repository's root. */
  readonly file: string;
  /** Its title, or the beginning of it where a table gives it several titles. */
  readonly name: string;
};

export type Mutant = {
  /** Unique; the change in the imperative. */
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  /** A text that occurs exactly once in the file. */
  readonly search: string;
  readonly replacement: string;
  /** At least one of them has to fail on an assertion. */
  readonly caughtBy: readonly NamedTest[];
};

// These make up other histories in every run.
const RANDOM_TESTS = /\/histories\.test\.ts$/;

/** Returns why a mutant cannot be applied to the text of its file; undefined when it can. */
export function findPatchProblem({ search, replacement }: Mutant, text: string): string | undefined {
  const count = text.split(search).length - 1;
  if (count !== 1) return `its search text occurs ${count} times`;
  return search === replacement ? 'its replacement changes nothing' : undefined;
}

/** Describes what is wrong with a list of mutants; empty when nothing is. */
export function findListProblems(mutants: readonly Mutant[]): string[] {
  const names = mutants.map(({ name }) => name);
  return [
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name}: the name is not unique`),
    ...mutants.filter(({ caughtBy }) => caughtBy.length === 0).map(({ name }) => `${name}: no test is named`),
    ...mutants
      .filter(({ caughtBy }) => caughtBy.some(({ file }) => RANDOM_TESTS.test(file)))
      .map(({ name }) => `${name}: a random history may not meet it, so its verdict would be luck`),
    ...mutants
      .filter(({ file }) => !/^services\/[a-z]/.test(file))
      .map(({ name, file }) => `${name}: ${file} is not production code`),
  ];
}

/**
 * Describes every mutant that no longer fits the code: its search text does not occur exactly once, or a named test does not exist.
 * `read` returns undefined for a missing file.
 */
export async function findStaleMutants(
  mutants: readonly Mutant[],
  read: (path: string) => Promise<string | undefined>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const mutant of mutants) {
    const text = await read(mutant.file);
    const problem = text === undefined ? 'the file does not exist' : findPatchProblem(mutant, text);
    if (problem !== undefined) problems.push(`${mutant.name}: ${mutant.file}: ${problem}`);
    for (const test of mutant.caughtBy) {
      const source = await read(test.file);
      if (source === undefined) problems.push(`${mutant.name}: ${test.file} does not exist`);
      else if (!hasTitle(source, test.name)) problems.push(`${mutant.name}: ${test.file} has no test "${test.name}"`);
    }
  }
  return problems;
}

/** Whether a string literal of the source starts with this title. Titles may also stand in the rows of a table. */
function hasTitle(source: string, title: string): boolean {
  const unescaped = source.replaceAll(/\\(['"`])/g, '$1');
  return ["'", '"', '`'].some((quote) => unescaped.includes(`${quote}${title}`));
}
