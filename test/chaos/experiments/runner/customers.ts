// The background load of an experiment: the scenarios of a soak at a low rate, with a journal of their answers and errors.
import { createJournal, type Journal } from '../../soak/journal.ts';
import { startLoad } from '../../soak/load.ts';
import type { Random } from '../../soak/random.ts';
import type { Finding } from './experiment.ts';
import type { Platform } from './platform.ts';
import type { Customers } from './run-experiment.ts';

export type CustomerOptions = {
  readonly platform: Platform;
  readonly random: Random;
  /** The prefix of keys and customers: unique for each experiment on a platform. */
  readonly run: string;
  readonly scenariosPerSecond: number;
  readonly signal: AbortSignal;
};

/** Starts the load; none with a rate of 0. */
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
  const summary = `${scenarios} scenarios, ${answers.length} answers (${outcomes.join(', ')}), ${failures.length} calls failed and were retried`;
  return {
    claim: 'Customers of the background load see only errors that the outage explains',
    holds: faults.length === 0,
    seen: faults.length === 0 ? summary : `${summary}; ${faults.slice(0, 3).join('; ')}`,
  };
}
