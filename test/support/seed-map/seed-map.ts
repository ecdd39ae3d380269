// The seed map: the tests of each section and their results, drawn as a table, and what is missing. Pure: reporter.ts passes in a
// run's tests.
import { SECTIONS, type Section, tagOf } from './sections.ts';

export type TaggedTest = {
  readonly tags: readonly string[];
  /** The titles of its groups and its own. */
  readonly name: string;
  /** Relative to the repository. */
  readonly file: string;
  readonly result: 'passed' | 'failed' | 'skipped' | 'pending';
};

export type SeedMapRow = {
  readonly section: Section;
  readonly tests: readonly TaggedTest[];
};

/** Builds a row for each section, in the order of the sections; its tests are sorted by file and name. */
export function buildSeedMap(tests: readonly TaggedTest[]): SeedMapRow[] {
  const sorted = tests.toSorted((a, b) => compare(a.file, b.file) || compare(a.name, b.name));
  return (Object.keys(SECTIONS) as Section[]).map((section) => ({
    section,
    tests: sorted.filter(({ tags }) => tags.includes(tagOf(section))),
  }));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Draws a line for each test of each section. */
export function drawSeedMap(rows: readonly SeedMapRow[]): string {
  const lines = rows.flatMap(({ section, tests }) =>
    tests.length === 0
      ? [[section, 'NO TEST', '', '']]
      : tests.map(({ result, file, name }) => [
          section,
          result === 'passed' ? result : result.toUpperCase(),
          file,
          name,
        ]),
  );
  const table = [['section', 'result', 'file', 'test'], ...lines];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  return table
    .map((cells) => `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ')}`.trimEnd())
    .join('\n');
}

/** Returns one sentence for each section without a test, and for each of its tests that did not pass. */
export function findGaps(rows: readonly SeedMapRow[]): string[] {
  return rows.flatMap(({ section, tests }) => {
    if (tests.length === 0) return [`section ${section} has no test; it has to prove: ${SECTIONS[section]}`];
    return tests
      .filter(({ result }) => result !== 'passed')
      .map(({ result, file, name }) => `section ${section}: ${result}: ${file} > ${name}`);
  });
}
