// 500 streams that watch one order, on five connections. One that ends is opened again.
import { type Attack, OutcomeCounter, openSession, readCode, repeatUntil } from '../attack.ts';

const CONNECTIONS = 5;
const STREAMS = 100;
const PAUSE_MS = 500;

export const watchFlood: Attack = {
  name: 'watch flood',
  run: async (target, signal) => {
    const counter = new OutcomeCounter();
    const message = Buffer.from(JSON.stringify({ orderId: target.orderId }));
    const body = Buffer.alloc(5 + message.length);
    body.writeUInt32BE(message.length, 1);
    message.copy(body, 5);
    const attackers = Array.from({ length: CONNECTIONS }, () => {
      let session = openSession(target.url, signal);
      const watch = async (): Promise<void> => {
        if (session.destroyed || session.closed) session = openSession(target.url, signal);
        const stream = session.request({
          ':method': 'POST',
          ':path': '/shop.order.v1.OrderService/WatchOrder',
          'content-type': 'application/connect+json',
        });
        stream.once('data', () => counter.add('watched'));
        stream.end(body);
        await readCode(stream);
      };
      return Array.from({ length: STREAMS }, () => repeatUntil(signal, PAUSE_MS, watch));
    });
    await Promise.all(attackers.flat());
    return counter.outcomes;
  },
};
