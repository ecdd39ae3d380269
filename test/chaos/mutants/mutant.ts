// A small change of production code that breaks one promise, and the test that has to notice.

/** A test, by its file and the words of its `it`. */
export type NamedTest = {
  /** From the repository's root. */
  readonly file: string;
  /** All of its name, or the beginning of it where a table gives it many names. */
  readonly name: string;
};

export type Mutant = {
  /** Unique; what it does, in the imperative. */
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  /** Text that the file holds exactly once. */
  readonly search: string;
  readonly replacement: string;
  /** At least one of them has to fail on an assertion. */
  readonly caughtBy: readonly NamedTest[];
};

/** Why a mutant cannot be applied to its file's text, in words; undefined when it can. */
export function findPatchFault({ search, replacement }: Mutant, text: string): string | undefined {
  const count = text.split(search).length - 1;
  if (count !== 1) return `its search text is there ${count} times`;
  return search === replacement ? 'its replacement changes nothing' : undefined;
}

/** What is wrong with a list of mutants, in words; empty when nothing is. */
export function findListFaults(mutants: readonly Mutant[]): string[] {
  const names = mutants.map(({ name }) => name);
  return [
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name}: there are two of it`),
    ...mutants.filter(({ caughtBy }) => caughtBy.length === 0).map(({ name }) => `${name}: no test is to catch it`),
    ...mutants
      .filter(({ file }) => !/^services\/[a-z]/.test(file) || file.startsWith('local/'))
      .map(({ name, file }) => `${name}: ${file} is no production code`),
  ];
}
