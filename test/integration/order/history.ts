// What may happen to orders, as data: rounds of steps that overlap, and what becomes of every call and every commit meanwhile.
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
  /** Leases are over and everything is due: another replica takes up what is open, while the first may still be at it. */
  | { readonly kind: 'resume' }
  /** An event of a dependency's wakes the order: early, late, or once more. */
  | { readonly kind: 'wake'; readonly key: Key }
  /** Inventory hears of the order by its event: early, late, or once more. */
  | { readonly kind: 'hear'; readonly key: Key }
  /** A call its caller has given up on arrives after all. */
  | { readonly kind: 'arrive'; readonly index: number }
  /** The time limit of orders passes. */
  | { readonly kind: 'expire' };

/** What becomes of a call to a dependency. */
export const CALL_FATES = [
  'answered',
  'request_lost',
  'answer_lost',
  'late',
  'internal_before',
  'internal_after',
  'request_spoilt',
  'answer_spoilt',
  'unreachable',
  'circuit_open',
] as const;
export type CallFate = (typeof CALL_FATES)[number];

/** What becomes of a change on its way to the database, or of whoever makes it. */
export const COMMIT_FATES = ['committed', 'dies_before', 'dies_after', 'outage_before', 'outage_after'] as const;
export type CommitFate = (typeof COMMIT_FATES)[number];

export type History = {
  /** One after the other; the steps of a round overlap. */
  readonly rounds: readonly (readonly Step[])[];
  /** Used one after the other; what comes after the last is answered. */
  readonly calls: readonly CallFate[];
  readonly commits: readonly CommitFate[];
  /** Whose turn it is, counted off among those who wait. */
  readonly turns: readonly number[];
  /** In which order what was late arrives at the end. */
  readonly lateFirst: boolean;
};

const key = fc.constantFrom(...KEYS);

// Ten are in stock: one or two leave enough for others, nine are too many for a second, 99 for anybody.
const place = fc.record({
  kind: fc.constant('place' as const),
  key,
  quantity: fc.constantFrom(1, 2, 9, 99),
  paymentMethod: fc.constantFrom('pm_approved' as const, 'pm_approved' as const, 'pm_declined' as const),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: place },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), key }) },
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
