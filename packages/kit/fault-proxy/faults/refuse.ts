// refuse: the client cannot connect, and its open connections are reset, as when the service has crashed.

import type { Fault } from '../core/fault.ts';
import { ErrorCode } from '../http2/frame.ts';

/** How `refuse` refuses connections. */
export type RefuseOptions = {
  /**
   * Closes the port, so that the operating system refuses connections as if nothing listened there. Those are not counted; the
   * open connections that are reset are. By default the port stays open, and the proxy resets and counts each new connection.
   */
  readonly closesPort?: boolean;
};

/** Resets open connections and refuses new ones. */
export function refuse({ closesPort = false }: RefuseOptions = {}): Fault {
  return {
    name: 'refuse',
    hits: 'connections',
    directions: ['up'],
    closesPort,
    apply: (context) => {
      context.countHit();
      context.target.reset(ErrorCode.cancel);
    },
  };
}
