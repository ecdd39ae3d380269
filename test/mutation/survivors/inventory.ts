import type { Survivor } from '../judge.ts';

export const INVENTORY: readonly Survivor[] = [
  {
    file: 'services/inventory/reservation.ts',
    reason: 'Equivalent: the lists are known to be of the same length, so that each index has a line.',
    mutants: [
      '(line, index) => line.productId === «sorted[index]?.productId» && line.quantity === sorted[index]?.quantity, => sorted[index].productId',
      '(line, index) => line.productId === sorted[index]?.productId && line.quantity === «sorted[index]?.quantity», => sorted[index].quantity',
    ],
  },
  {
    file: 'services/inventory/reservation.ts',
    reason: 'Equivalent: without their case, both states leave the switch, and undefined is returned as well.',
    mutants: [
      'case «\'RESERVED\'»: => ""',
      "«case 'CONFIRMED': …» => case 'CONFIRMED':",
      'case «\'CONFIRMED\'»: => ""',
    ],
  },
  {
    file: 'services/inventory/reservation.ts',
    reason: 'Equivalent: a sort only asks whether the result is negative, and no order has a product twice.',
    mutants: ['if («left.productId === right.productId») return 0; => false'],
  },
  {
    file: 'services/inventory/reservation.ts',
    reason: 'Equivalent: equal ids were compared the line before.',
    mutants: ['return «left.productId < right.productId» ? -1 : 1; => left.productId <= right.productId'],
  },
  {
    file: 'services/inventory/reserve-lines.ts',
    reason: 'Equivalent: the list has an entry for each intent, and a single intent is never undecidable.',
    mutants: [
      'const result = results?.[index] ?? «(await insertReservations(queryable, [intent]))?.[0]»; => (await insertReservations(queryable, [intent]))[0]',
      'if (decision.isNew) «intents[index]?.inTrace»(() => logDecision(log, decision.reservation)); => intents[index].inTrace',
      "if («result?.kind» === 'reserved') return { reservation: result.reservation, isNew: true }; => result.kind",
      "if («result?.kind» === 'decided') return { reservation: result.reservation, isNew: false }; => result.kind",
      "if («result?.kind» === 'short') { => result.kind",
    ],
  },
];
