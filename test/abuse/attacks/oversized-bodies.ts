// Messages that are too large: ten megabytes of JSON, and envelopes that announce four gigabytes.
import { type Attack, OutcomeCounter, openSession, readCode, repeatUntil } from '../attack.ts';

const CALLERS = 4;
const PAUSE_MS = 200;
const LARGE = Buffer.alloc(10_000_000, 0x20);
const FOUR_GIGABYTES = Buffer.concat([Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100_000)]);

const REQUESTS = [
  { contentType: 'application/json', body: LARGE },
  { contentType: 'application/connect+proto', body: FOUR_GIGABYTES },
] as const;

export const oversizedBodies: Attack = {
  name: 'oversized bodies',
  run: async (target, signal) => {
    const counter = new OutcomeCounter();
    let session = openSession(target.url, signal);
    const send = async ({ contentType, body }: (typeof REQUESTS)[number]): Promise<void> => {
      if (session.destroyed || session.closed) session = openSession(target.url, signal);
      const method = contentType === 'application/json' ? 'CreateOrder' : 'WatchOrder';
      const stream = session.request({
        ':method': 'POST',
        ':path': `/shop.order.v1.OrderService/${method}`,
        'content-type': contentType,
      });
      stream.end(body);
      counter.add(await readCode(stream));
    };
    const attackers = Array.from({ length: CALLERS }, (_, caller) =>
      repeatUntil(signal, PAUSE_MS, () => send(REQUESTS[caller % 2] ?? REQUESTS[0])),
    );
    await Promise.all(attackers);
    return counter.outcomes;
  },
};
