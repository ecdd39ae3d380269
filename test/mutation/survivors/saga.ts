import type { Survivor } from '../judge.ts';

export const SAGA: readonly Survivor[] = [
  {
    file: 'services/order/order-changes.ts',
    reason: 'Equivalent: no update leads back to PENDING, so a status that changed is a final one.',
    mutants: [
      "const hasEnded = «next.status !== 'PENDING'» && next.status !== latest.status; => true",
      'const hasEnded = next.status !== «\'PENDING\'» && next.status !== latest.status; => ""',
    ],
  },
  {
    file: 'services/order/order-changes.ts',
    reason: 'Equivalent: a topic is due as soon as it is joined, whether it is new or not.',
    mutants: [
      'const topic = topics.get(orderId) ?? { followers: 0, order: undefined, isDue: «false», next: createSettler() }; => true',
    ],
  },
  {
    file: 'services/order/order-saga.ts',
    reason: "Equivalent: of the two kinds of phase, only 'blocked' is compared.",
    mutants: [
      'return { kind: «\'passed\'», order: decideFail(refused, failure.reason, failure.owed, now()), failure, detail }; => ""',
      'return { kind: «\'passed\'», order, failure: undefined }; => ""',
    ],
  },
  {
    file: 'services/order/order-saga.ts',
    reason: "Equivalent: the result of the steps up to the verdict is compared with 'done' only.",
    mutants: [
      "return { kind: «'failed'», order, step: 'RESERVE_STOCK', failure: TIME_LIMIT, detail }; => \"\"",
      'kind: «\'failed\'», => ""',
    ],
  },
  {
    file: 'services/order/order-saga.ts',
    reason: 'Equivalent: the step of an order that is too old is not recorded, because no step refused it.',
    mutants: ["return { kind: 'failed', order, step: «'RESERVE_STOCK'», failure: TIME_LIMIT, detail }; => \"\""],
  },
  {
    file: 'services/order/order-saga.ts',
    reason: 'Equivalent: an order that is not open owes nothing, so that nothing is carried out.',
    mutants: ['if («!isOpen(order)») return pass(order); => false'],
  },
  {
    file: 'services/order/order-changes.ts',
    reason:
      'Equivalent without a follower that leaves and a look-up that fails at the same moment: a rejection that no follower awaits.',
    mutants: ['«settler.promise.catch(() => undefined);» // Its followers may all have left. => ;'],
  },
  {
    file: 'services/order/resume-orders.ts',
    reason: 'Equivalent: the worker sets it before it starts the first run, and only a run reads it.',
    mutants: ['let hasMore = «false»; => true'],
  },
];
