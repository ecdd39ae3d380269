// Paths of Pact's matching rules, such as `$.items[*].name`, and which rule of several is the one for a place.

/** A rule of a Pact file. The other fields depend on `match`. */
export type PactRule = { readonly match: string; readonly [field: string]: unknown };

/** The rules of one path, and how they are combined. */
export type PactRules = { readonly combine: string; readonly matchers: readonly PactRule[] };

/** A rule list with the path that it was given for. */
export type PlacedRules = PactRules & {
  readonly path: string;
  /** Names and indices; `*` is any. */
  readonly steps: readonly string[];
};

/** The rules that apply to a place. */
export type ChosenRules = {
  readonly rules: PlacedRules;
  /** Whether they were given for a message, a list or a map around the place. */
  readonly isInherited: boolean;
};

const STEP = /\.([^.[\]]+)|\['([^']*)'\]|\["([^"]*)"\]|\[(\d+|\*)\]/y;

/**
 * Returns the steps of a path.
 *
 * @throws {Error} if it is no path that Pact writes.
 */
export function parsePactPath(path: string): string[] {
  const steps: string[] = [];
  STEP.lastIndex = 1;
  while (path.startsWith('$') && STEP.lastIndex < path.length) {
    const match = STEP.exec(path);
    if (!match) break;
    steps.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? '');
    if (STEP.lastIndex === path.length) return steps;
  }
  if (path === '$') return [];
  throw new Error(`"${path}" is no path of a matching rule`);
}

/** Returns the rules for a place: those of the longest path with the fewest wildcards, as in Pact. */
export function chooseRules(all: readonly PlacedRules[], place: readonly string[]): ChosenRules | undefined {
  const [best] = all
    .filter(
      ({ steps }) =>
        steps.length <= place.length && steps.every((step, index) => step === '*' || step === place[index]),
    )
    .toSorted((a, b) => b.steps.length - a.steps.length || countWildcards(a) - countWildcards(b));
  return best && { rules: best, isInherited: best.steps.length < place.length };
}

function countWildcards({ steps }: PlacedRules): number {
  return steps.filter((step) => step === '*').length;
}
