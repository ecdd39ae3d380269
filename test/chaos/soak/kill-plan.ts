// The kill plan of a soak: which processes are killed, and when. Drawn from the seed.
import type { ProcessName } from '#local/stack/stack.ts';
import type { Random } from './random.ts';

/** The processes that may be killed: services, broker and database. The provider and the mailbox stand for external systems. */
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
  /** Since the previous kill. */
  readonly afterMs: number;
  /** Killed at the same time. */
  readonly targets: readonly KillTarget[];
};

const MIN_GAP_MS = 2_000;
const MAX_GAP_MS = 8_500;
/** One kill in so many hits two processes at once. */
const DOUBLE_ONE_IN = 5;

/** Draws the next kill. */
export function drawKill(random: Random): PlannedKill {
  const count = random.integer(1, DOUBLE_ONE_IN) === 1 ? 2 : 1;
  return {
    afterMs: random.integer(MIN_GAP_MS, MAX_GAP_MS),
    targets: random.shuffle(KILL_TARGETS).slice(0, count),
  };
}
