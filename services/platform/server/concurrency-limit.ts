// How many calls a service may have at work, found out by looking: more while they take about as long as undisturbed ones, fewer
// when they get in each other's way. What it compares is their own time (own-time.ts): a slow neighbour costs no places.
import { createBaselineLatency } from './baseline-latency.ts';

/** Let in whatever comes: so few hardly disturb each other. */
const FLOOR = 4;
/** Where it begins, as a share of the ceiling, and returns to when it is not used; from below too when there is no pressure. */
const START_SHARE = 0.25;
/** How many times longer than undisturbed a call may take. */
const TOLERANCE = 1.5;
/** To a call that waits long for a neighbour it is nothing to lose this share of the wait besides. */
const WAIT_SHARE = 0.1;
/** The most by which a call takes from the limit: all of one round of calls at most halve it. */
const MOST_TAKEN = 0.5;
/** What an undisturbed call adds to the limit: less under pressure, where a limit that swings makes all of them wait. */
const GIVEN = 0.25;
const GIVEN_UNDER_PRESSURE = 0.05;
/** The most that a call adds that waited long besides. */
const MOST_GIVEN = 1;
const RETURN_SHARE = 0.01;

export type CallSample = {
  readonly kind: string;
  readonly serviceMs: number;
  /** How long it waited for others besides. */
  readonly waitedMs: number;
  /** How many were at work with it, itself included. */
  readonly atWork: number;
  /** Whether it ended with an error: then it may have done little, and only says something when it was slow all the same. */
  readonly hasFailed: boolean;
  /** Whether more calls come than are served: only then fewer places than at the start make anybody faster. */
  readonly isPressed: boolean;
};

export type ConcurrencyLimit = {
  /** Places now, a whole number. */
  current(): number;
  /** Takes into account how a call fared. */
  learn(sample: CallSample): void;
};

/** Makes a limit that never exceeds `ceiling`. */
export function createConcurrencyLimit(ceiling: number): ConcurrencyLimit {
  const floor = Math.min(FLOOR, ceiling);
  const start = Math.max(floor, START_SHARE * ceiling);
  const undisturbed = createBaselineLatency();
  let limit = start;

  const stepBack = (): number => RETURN_SHARE * (start - limit);

  // By call: so that the limit moves by a share of itself with each round of calls, however long a round takes.
  const stepAfter = ({ kind, serviceMs, waitedMs, atWork, hasFailed, isPressed }: CallSample): number => {
    // What is not used is neither proved nor disproved.
    if (atWork <= limit / 2) return stepBack();
    const undisturbedMs = undisturbed.of(kind);
    if (undisturbedMs === undefined) return 0;
    const toleratedMs = Math.max(TOLERANCE * undisturbedMs, undisturbedMs + WAIT_SHARE * waitedMs);
    const left = 1 - serviceMs / toleratedMs;
    if (left < 0) return Math.max(-MOST_TAKEN, left);
    // Quickly only where there is much room, and with care towards the end of it.
    const room = left / (1 - 1 / TOLERANCE);
    return hasFailed ? 0 : Math.min(MOST_GIVEN, (isPressed ? GIVEN_UNDER_PRESSURE : GIVEN) * room * room);
  };

  return {
    current: () => Math.floor(limit),
    learn: (sample) => {
      const least = sample.isPressed ? floor : Math.min(start, limit + stepBack());
      limit = Math.min(ceiling, Math.max(least, limit + stepAfter(sample)));
      if (!sample.hasFailed) undisturbed.learn({ ...sample, isAlone: sample.atWork <= floor });
    },
  };
}
