// Which replica of a dependency gets the next call: each in turn. One that fails is left out for a while, longer each time, unless no
// other is left.

const FIRST_EJECTION_MS = 1_000;
const MAX_EJECTION_MS = 16_000;
// One call that is late may have been a slow one; three in a row are a replica that does not answer.
const TIMEOUTS_UNTIL_EJECTION = 3;

export type ReplicaChoice = {
  /** Returns one of the replicas, of which there is at least one. */
  choose(replicas: readonly string[]): string;
  /** Notes that a call was answered, whatever the answer. */
  onAnswer(replica: string): void;
  /** Notes a call that could not be made or was cut off, or one that was not answered in time. Returns for how long it is left out now. */
  onFailure(replica: string, failure: 'unreachable' | 'timeout'): number;
};

type State = { timeouts: number; ejections: number; outUntil: number };

/** Creates the choice of one client. `now` returns monotonic milliseconds. */
export function createReplicaChoice(now: () => number = () => performance.now()): ReplicaChoice {
  const states = new Map<string, State>();
  let turn = 0;
  const outUntil = (replica: string): number => states.get(replica)?.outUntil ?? 0;

  return {
    choose: (replicas) => {
      for (const known of states.keys()) if (!replicas.includes(known)) states.delete(known);
      const present = replicas.filter((replica) => outUntil(replica) <= now());
      // All are left out: the one that has been out longest may be back.
      const candidates =
        present.length > 0 ? present : replicas.toSorted((a, b) => outUntil(a) - outUntil(b)).slice(0, 1);
      turn += 1;
      const chosen = candidates[turn % candidates.length];
      if (chosen === undefined) throw new Error('there is no replica to choose from');
      return chosen;
    },
    onAnswer: (replica) => void states.delete(replica),
    onFailure: (replica, failure) => {
      const state = states.get(replica) ?? { timeouts: 0, ejections: 0, outUntil: 0 };
      states.set(replica, state);
      if (failure === 'timeout') state.timeouts += 1;
      if (failure === 'timeout' && state.timeouts < TIMEOUTS_UNTIL_EJECTION) return 0;
      // Calls that were in flight together fail together: that is one failure.
      if (state.outUntil > now()) return 0;
      const ejectionMs = Math.min(MAX_EJECTION_MS, FIRST_EJECTION_MS * 2 ** state.ejections);
      state.ejections += 1;
      state.outUntil = now() + ejectionMs;
      return ejectionMs;
    },
  };
}
