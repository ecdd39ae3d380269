import type { Survivor } from '../judge.ts';

export const AGGREGATES: readonly Survivor[] = [
  {
    file: 'services/monitor/journey.ts',
    reason: 'Equivalent: the number of lines was compared before, so that there is a first one.',
    mutants: [
      "lines.length !== 1 || «lines[0]?.productId» !== TEST_PRODUCT || lines[0].quantity !== 1 ? 'other lines' : '', => lines[0].productId",
    ],
  },
  {
    file: 'services/notification/notification.ts',
    reason: 'Equivalent: undefined is not at least 500; the comparison with undefined is for the type checker.',
    mutants: ['return «replyCode !== undefined» && replyCode >= 500; => true'],
  },
];
