// partition: the upstream service gets everything, but the client gets nothing back, not even the close of the connection.
//
//   client ──────────► upstream service
//   client    X ◄───── upstream service

import { type Fault, insertStages } from '../core/fault.ts';
import { DelayingStage } from '../stages/delaying-stage.ts';

/**
 * Blocks one direction of connections, by default `down`. As on a real network, healing the partition delivers what was held,
 * including the close of a connection.
 */
export function partition(): Fault {
  return {
    name: 'partition',
    hits: 'connections',
    directions: ['down'],
    apply: (context) =>
      insertStages(
        context,
        () => new DelayingStage({ dueMs: () => Number.POSITIVE_INFINITY, onHold: context.countHit }),
      ),
  };
}
