// The differences between a message and what was expected, field by field, and their text form.

/** One place where a message differs from what was expected. */
export type Difference = {
  /** The path to the value in proto3 JSON names, such as `book.authors[0].name`; empty for the message as a whole. */
  readonly path: string;
  /** What was expected there, as text. */
  readonly expected: string;
  /** What was found there, as text. */
  readonly actual: string;
};

/** The candidate that nearly matched a call, and the differences between the two. */
export type NearestMatch = {
  /** What it matches, as text. */
  readonly description: string;
  readonly differences: readonly Difference[];
};

/** Returns the path of a field within the message at `path`. */
export function fieldPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Returns the path of an element of the list at `path`; `*` stands for each. */
export function elementPath(path: string, index: number | '*'): string {
  return `${path}[${index}]`;
}

/** Returns the path of an entry of the map at `path`. */
export function entryPath(path: string, key: string): string {
  return `${path}[${JSON.stringify(key)}]`;
}

/** Returns the differences of a value, with the path of the value in front of theirs. */
export function differencesWithin(outer: string, differences: readonly Difference[]): Difference[] {
  return differences.map(({ path, ...rest }) => ({ path: joinPaths(outer, path), ...rest }));
}

function joinPaths(outer: string, inner: string): string {
  return inner === '' ? outer : fieldPath(outer, inner);
}

/** Returns the shortest of several lists of differences: those of the nearest candidate. */
export function fewestDifferences(candidates: readonly Difference[][]): Difference[] | undefined {
  return candidates.toSorted((a, b) => a.length - b.length)[0];
}

/** Returns the differences in one line, such as `quantity is 98, not 100; available is false, not true`. */
export function joinDifferences(differences: readonly Difference[]): string {
  return differences
    .map(({ path, expected, actual }) => `${path || 'the message'} is ${actual}, not ${expected}`)
    .join('; ');
}

/** Returns the differences, each with a line for the path, the expected and the actual value, indented by `indent`. */
export function formatDifferences(differences: readonly Difference[], indent = '  '): string {
  return differences
    .map(({ path, expected, actual }) =>
      [`${path || '(the message)'}`, `  expected ${expected}`, `  actual   ${actual}`]
        .map((line) => indent + line)
        .join('\n'),
    )
    .join('\n');
}
