// A network that is cut one way: the other side hears everything and is not heard, not even when it closes the connection.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { DelayLine } from '../delay-line.ts';

/**
 * Cuts one direction of connections, by default the way back from the upstream service; `inject` takes the direction. As on
 * a real network, what was cut off is delivered when the partition heals, the close of a connection included.
 */
export function partition(): Fault {
  return {
    name: 'partition',
    hits: 'connections',
    directions: ['down'],
    begin: (target) =>
      insertEverywhere(target, () => new DelayLine({ dueMs: () => Number.POSITIVE_INFINITY, onHold: target.hit })),
  };
}
