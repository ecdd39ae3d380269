// Customers who order while an experiment runs: the scenarios of a soak, at a low rate, judged by what they were acknowledged.
import { createJournal, type Journal } from '../../soak/journal.ts';
import { startLoad } from '../../soak/load.ts';
import type { Random } from '../../soak/random.ts';
import type { Finding } from './experiment.ts';
import type { Platform } from './platform.ts';
import type { Customers } from './run-experiment.ts';

export type CustomerOptions = {
  readonly platform: Platform;
  readonly random: Random;
  /** Their name in keys and customers: one for each experiment on the same platform. */
  readonly run: string;
  readonly scenariosPerSecond: number;
  readonly signal: AbortSignal;
};

/** Lets customers come; none with a rate of 0. */
export function startCustomers(options: CustomerOptions): Customers {
  const { platform, random, run, scenariosPerSecond, signal } = options;
  if (scenariosPerSecond === 0) return { finish: async () => [] };
  const journal = createJournal('kills');
  const load = startLoad({ orders: platform.orders, journal, signal, random, run, rate: scenariosPerSecond });
  return {
    finish: async () => {
      await load.finish();
      platform.acknowledged.push(...journal.answers.map(({ acknowledged }) => acknowledged));
      return [judgeJournal(journal, load.started())];
    },
  };
}

function judgeJournal({ faults, failures, answers, countOutcomes }: Journal, scenarios: number): Finding {
  const outcomes = Object.entries(countOutcomes()).map(([outcome, count]) => `${outcome} ${count}`);
  const acknowledged = `${scenarios} scenarios, ${answers.length} answers (${outcomes.join(', ')}), ${failures.length} calls failed and were repeated`;
  return {
    claim: 'Customers who order meanwhile see nothing that an outage does not explain',
    holds: faults.length === 0,
    seen: faults.length === 0 ? acknowledged : `${acknowledged}; ${faults.slice(0, 3).join('; ')}`,
  };
}
