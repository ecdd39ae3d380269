// The time limits of an HTTP/2 connection, which Node has only for HTTP/1.1: one without a call is closed, and while it has calls its
// peer is pinged, so that a peer that is gone is noticed and a load balancer between them sees traffic.

import type { Http2Session } from 'node:http2';
import type { Connection } from './connections.ts';

type SessionLimits = { readonly idleTimeoutMs: number; readonly pingIntervalMs: number };

/** How long a peer may take to close a connection after GOAWAY. */
const CLOSE_GRACE_MS = 1_000;

/** Limits a session until the returned function is called. */
export function limitSession(
  session: Http2Session,
  connection: Pick<Connection, 'isIdle'>,
  { idleTimeoutMs, pingIntervalMs }: SessionLimits,
): () => void {
  const timers = new Set<NodeJS.Timeout>();
  let idleSinceMs = performance.now();
  let isPinged = false;

  const later = (action: () => void, delayMs: number): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      action();
    }, delayMs);
    timers.add(timer.unref());
  };
  const checkIdle = (): void => {
    if (!connection.isIdle) idleSinceMs = performance.now();
    const leftMs = idleSinceMs + idleTimeoutMs - performance.now();
    if (leftMs > 0) {
      later(checkIdle, leftMs);
      return;
    }
    session.close();
    later(() => session.destroy(), CLOSE_GRACE_MS);
  };
  const ping = (): void => {
    if (isPinged) {
      session.destroy();
      return;
    }
    if (!connection.isIdle) {
      isPinged = true;
      session.ping((error) => {
        isPinged = error !== null;
      });
    }
    later(ping, pingIntervalMs);
  };
  session.on('stream', (stream) => {
    stream.once('close', () => {
      idleSinceMs = performance.now();
    });
  });
  later(checkIdle, idleTimeoutMs);
  later(ping, pingIntervalMs);
  return () => {
    for (const timer of timers) clearTimeout(timer);
  };
}
