// When which parts are killed: drawn from the seed, before any is.
import type { ProcessName } from '#local/stack/stack.ts';
import type { Random } from './random.ts';

/** What is killed: every service, the broker and the database. The provider and the mailbox are others' systems. */
export const KILL_TARGETS = [
  'order',
  'inventory',
  'payment',
  'notification',
  'analytics',
  'nats',
  'postgres',
] as const satisfies ProcessName[];
export type KillTarget = (typeof KILL_TARGETS)[number];

export type PlannedKill = {
  /** Since the strike before. */
  readonly afterMs: number;
  /** All of them at once. */
  readonly targets: readonly KillTarget[];
};

const LEAST_GAP_MS = 2_000;
const MOST_GAP_MS = 8_500;
/** One strike in so many takes two parts at once. */
const DOUBLE_ONE_IN = 5;

/** Draws the next strike. */
export function drawKill(random: Random): PlannedKill {
  const count = random.integer(1, DOUBLE_ONE_IN) === 1 ? 2 : 1;
  return {
    afterMs: random.integer(LEAST_GAP_MS, MOST_GAP_MS),
    targets: random.shuffle(KILL_TARGETS).slice(0, count),
  };
}
