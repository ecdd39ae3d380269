// Shrinks a sequence: it leaves out the change and calls, as long as the last call has the same problem.

import type { PlannedCall, SequencePlan } from './plan.ts';

/** How a sequence is tried, and how often. */
export type Shrinking = {
  readonly maxTries: number;
  isOver(): boolean;
  /** Makes the calls, and returns whether the last one has the problem. */
  hasProblem(plan: SequencePlan): Promise<boolean>;
};

/**
 * Tries smaller sequences, and the sequence itself if none of them has the problem. A call whose answer has a value for a later call is
 * left out only with that one: the recorded value may be one that exists by accident.
 */
export async function shrinkSequence(plan: SequencePlan, { maxTries, isOver, hasProblem }: Shrinking): Promise<void> {
  let calls = plan.calls;
  let tries = 0;
  let isSeen = false;
  const attempt = async (candidate: readonly PlannedCall[]): Promise<boolean> => {
    if (tries >= maxTries || isOver()) return false;
    tries += 1;
    if (!(await hasProblem({ ...plan, calls: candidate }))) return false;
    calls = candidate;
    isSeen = true;
    return true;
  };
  if (calls.some(({ change }) => change)) await attempt(calls.map(({ recorded }) => ({ recorded })));
  const needed = neededByLast(calls);
  if (needed.length < calls.length) await attempt(needed);
  let isSmaller = true;
  while (isSmaller) {
    isSmaller = false;
    for (let size = Math.floor(calls.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < calls.length - 1; ) {
        const candidate = without(calls, from, size);
        if (candidate.length < calls.length && (await attempt(candidate))) isSmaller = true;
        else from += size;
      }
    }
  }
  if (!isSeen) await attempt(calls);
}

function neededByLast(calls: readonly PlannedCall[]): readonly PlannedCall[] {
  const last = calls.length - 1;
  const needed = new Set([last]);
  // A set is iterated up to what is added on the way.
  for (const index of needed) for (const source of sourcesOf(calls, index)) needed.add(source);
  return calls.filter((_, index) => needed.has(index));
}

// Leaves out calls and those that take a value from them; none, if the last call is one of these.
function without(calls: readonly PlannedCall[], from: number, size: number): readonly PlannedCall[] {
  const removed = new Set(calls.keys().filter((index) => index >= from && index < from + size));
  for (const index of calls.keys()) {
    if (sourcesOf(calls, index).some((source) => removed.has(source))) removed.add(index);
  }
  return removed.has(calls.length - 1) ? calls : calls.filter((_, index) => !removed.has(index));
}

// The latest calls before this one whose answers have its values.
function sourcesOf(calls: readonly PlannedCall[], index: number): number[] {
  const { recorded, change } = calls[index] as PlannedCall;
  const links = change?.link ? [...recorded.links, change.link] : recorded.links;
  return links.flatMap(({ source }) => {
    const at = calls.slice(0, index).findLastIndex((call) => call.recorded.number === source.call);
    return at < 0 ? [] : [at];
  });
}
