// Histories of orders, as data: rounds of concurrent steps, and the fate of every call and commit.
import fc from 'fast-check';

/** Keys that callers use; small, so that they meet. */
export const KEYS = ['key-a', 'key-b', 'key-c'] as const;
export type Key = (typeof KEYS)[number];

export type Step =
  /** CreateOrder: for the first time, again, or with other content. */
  | {
      readonly kind: 'place';
      readonly key: Key;
      readonly quantity: number;
      readonly paymentMethod: 'pm_approved' | 'pm_declined';
    }
  | { readonly kind: 'cancel'; readonly key: Key }
  | { readonly kind: 'refund'; readonly key: Key }
  /** Leases expire and everything is due: another replica resumes open orders, while the first may still work on them. */
  | { readonly kind: 'resume' }
  /** A dependency's event wakes the order: early, late, or redelivered. */
  | { readonly kind: 'wake'; readonly key: Key }
  /** Inventory consumes OrderCreated: early, late, or redelivered. */
  | { readonly kind: 'hear'; readonly key: Key }
  /** A call that timed out arrives late. */
  | { readonly kind: 'arrive'; readonly index: number }
  /** The time limit of orders passes. */
  | { readonly kind: 'expire' };

/** The fates of a call to a dependency. */
export const CALL_FATES = [
  'answered',
  'request_lost',
  'answer_lost',
  'late',
  'internal_before',
  'internal_after',
  'request_corrupted',
  'answer_corrupted',
  'unreachable',
  'circuit_open',
] as const;
export type CallFate = (typeof CALL_FATES)[number];

/** The fates of a commit, or of the process that makes it. */
export const COMMIT_FATES = ['committed', 'dies_before', 'dies_after', 'outage_before', 'outage_after'] as const;
export type CommitFate = (typeof COMMIT_FATES)[number];

export type History = {
  /** Run one after the other; the steps of a round are concurrent. */
  readonly rounds: readonly (readonly Step[])[];
  /** Used one after the other; every call after the last is answered. */
  readonly calls: readonly CallFate[];
  readonly commits: readonly CommitFate[];
  /** Which of the waiting steps runs next. */
  readonly turns: readonly number[];
  /** Whether late calls arrive before the rest, or after it in reverse. */
  readonly lateFirst: boolean;
};

const key = fc.constantFrom(...KEYS);

// Ten are in stock: one or two leave enough for other orders, nine too few for a second order of nine, and 99 is too many.
const place = fc.record({
  kind: fc.constant('place' as const),
  key,
  quantity: fc.constantFrom(1, 2, 9, 99),
  paymentMethod: fc.constantFrom('pm_approved' as const, 'pm_approved' as const, 'pm_declined' as const),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: place },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('refund' as const), key }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'resume' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wake' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hear' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('arrive' as const), index: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'expire' as const }) },
);

const mostly = <Fate extends string>(usual: Fate, others: readonly Fate[]): fc.Arbitrary<Fate> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

/** Histories of a handful of rounds. */
export const histories: fc.Arbitrary<History> = fc.record({
  rounds: fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
  calls: fc.array(mostly('answered', CALL_FATES.slice(1)), { maxLength: 14 }),
  commits: fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant('committed' as const) },
      { weight: 1, arbitrary: fc.constantFrom(...COMMIT_FATES.slice(1)) },
    ),
    { maxLength: 14 },
  ),
  turns: fc.array(fc.nat(5), { maxLength: 30 }),
  lateFirst: fc.boolean(),
});
