// Everything a service answers without being asked for business: status, dead letters, metrics, health and reflection, at once.
import { type Attack, OutcomeCounter, openSession, readCode, repeatUntil } from '../attack.ts';

/** Concurrent callers of each, and the pause of a caller between two calls: a few hundred calls a second altogether. */
const CALLERS = [
  { path: '/shop.ops.v1.OpsService/GetStatus', callers: 64, pauseMs: 500 },
  { path: '/shop.ops.v1.OpsService/ListDeadLetters', callers: 16, pauseMs: 400 },
  { path: '/grpc.health.v1.Health/Check', callers: 8, pauseMs: 400 },
  { path: '/metrics', callers: 8, pauseMs: 400 },
] as const;

export const opsFlood: Attack = {
  name: 'ops flood',
  run: async (target, signal) => {
    const counter = new OutcomeCounter();
    const attackers = CALLERS.map(({ path, callers, pauseMs }) => {
      let session = openSession(target.url, signal);
      const isPlain = path === '/metrics';
      const call = async (): Promise<void> => {
        if (session.destroyed || session.closed) session = openSession(target.url, signal);
        const stream = session.request({
          ':method': isPlain ? 'GET' : 'POST',
          ':path': path,
          authorization: target.authorization,
          ...(isPlain ? {} : { 'content-type': 'application/json' }),
        });
        stream.end(isPlain ? undefined : '{}');
        counter.add(await readCode(stream));
      };
      return Array.from({ length: callers }, () => repeatUntil(signal, pauseMs, call));
    });
    await Promise.all(attackers.flat());
    return counter.outcomes;
  },
};
