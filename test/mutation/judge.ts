// The judgement of a group's mutants: how many were noticed, and whether each that was not is on the list. Pure.

/** The least share of mutants that the tests of a group notice, in percent. */
const LEAST_SCORE = 85;

type Position = { readonly line: number; readonly column: number };

/** A mutant as Stryker reports it; positions count from 1. */
export type TestedMutant = {
  readonly fileName: string;
  readonly location: { readonly start: Position; readonly end: Position };
  readonly replacement: string;
  readonly status: string;
};

/** Mutants that no test notices, and why none should. */
export type Survivor = {
  readonly file: string;
  readonly reason: string;
  /** As `describeMutant` writes them: the line, the mutated code between « and », and what replaces it. */
  readonly mutants: readonly string[];
};

export type Judgement = {
  readonly tested: number;
  readonly noticed: number;
  readonly survived: number;
  /** The share of the noticed, in percent. */
  readonly score: number;
  /** Why the run fails; empty when it does not. */
  readonly problems: readonly string[];
};

const NOTICED = new Set(['Killed', 'Timeout']);
const SURVIVED = new Set(['Survived', 'NoCoverage']);

/** Describes a mutant without its line number, which every change above it moves. */
export function describeMutant({ location: { start, end }, replacement }: TestedMutant, source: string): string {
  const line = source.split('\n')[start.line - 1] ?? '';
  const [from, to] = [start.column - 1, end.line === start.line ? end.column - 1 : line.length];
  const continues = end.line === start.line ? '' : ' …';
  const marked = `${line.slice(0, from)}«${line.slice(from, to)}${continues}»${line.slice(to)}`;
  return `${marked.trim()} => ${replacement.replaceAll(/\s+/g, ' ')}`;
}

/**
 * Judges the mutants of one group.
 * @param sourceOf returns the text of a mutated file
 */
export function judgeGroup(
  mutants: readonly TestedMutant[],
  listed: readonly Survivor[],
  sourceOf: (file: string) => string,
): Judgement {
  const survivors = mutants
    .filter(({ status }) => SURVIVED.has(status))
    .map((mutant) => ({ mutant, key: keyOf(mutant.fileName, describeMutant(mutant, sourceOf(mutant.fileName))) }));
  const noticed = mutants.filter(({ status }) => NOTICED.has(status)).length;
  const tested = noticed + survivors.length;
  const score = tested === 0 ? 0 : (100 * noticed) / tested;
  const files = new Set(mutants.map(({ fileName }) => fileName));
  const known = new Set(listed.flatMap(({ file, mutants: texts }) => texts.map((text) => keyOf(file, text))));
  const found = new Set(survivors.map(({ key }) => key));
  const problems = [
    ...survivors
      .filter(({ key }) => !known.has(key))
      .map(({ mutant, key }) => `survived and is not listed: line ${mutant.location.start.line} of ${key}`),
    ...[...known]
      .filter((key) => files.has(fileOf(key)) && !found.has(key))
      .map((key) => `is listed, but did not survive: ${key}`),
    ...(score < LEAST_SCORE ? [`the tests notice ${score.toFixed(1)} % of the mutants, not ${LEAST_SCORE} %`] : []),
  ];
  return { tested, noticed, survived: survivors.length, score, problems };
}

function keyOf(file: string, text: string): string {
  return `${file}: ${text}`;
}

function fileOf(key: string): string {
  return key.slice(0, key.indexOf(': '));
}
