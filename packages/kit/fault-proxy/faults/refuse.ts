// Refuses connections: the service is gone.

import type { Fault } from '../core/fault.ts';
import { ErrorCode } from '../http2/frame.ts';

/** How connections are refused. */
export interface RefuseOptions {
  /**
   * Closes the port, so that the system refuses connections as if nothing ran there. What the system refuses is not counted;
   * the connections that are cut are. By default the port stays open and resets, and counts, each connection as it comes.
   */
  readonly closesPort?: boolean;
}

/** Resets the connections there are, and takes no new ones. */
export function refuse({ closesPort = false }: RefuseOptions = {}): Fault {
  return {
    name: 'refuse',
    hits: 'connections',
    directions: ['up'],
    closesPort,
    begin: (target) => {
      target.hit();
      target.port.reset(ErrorCode.cancel);
    },
  };
}
