// Connections that are opened and not used. A new one is opened for each that the server closes.
import { type Attack, OutcomeCounter, openSession, repeatUntil, untilClosed } from '../attack.ts';

/** More than the server allows one address. */
const CONNECTIONS = 700;
const PAUSE_MS = 5_000;

export const idleConnections: Attack = {
  name: 'idle connections',
  run: async (target, signal) => {
    const counter = new OutcomeCounter();
    const idle = async (): Promise<void> => {
      await untilClosed(openSession(target.url, signal));
      counter.add('closed');
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, () => repeatUntil(signal, PAUSE_MS, idle)));
    return counter.outcomes;
  },
};
