// black-hole: the client can connect and send its request, but gets no answer, no error and no end.

import { type Fault, insertStages } from '../core/fault.ts';
import { DelayingStage } from '../stages/delaying-stage.ts';

/**
 * Holds everything, by default in both directions. Removing the fault delivers what is held, so calls whose clients still wait
 * are answered. A call that its client has given up is discarded, and the upstream service never sees it.
 */
export function blackHole(): Fault {
  return {
    name: 'black-hole',
    hits: 'either',
    directions: ['up', 'down'],
    apply: (context) => {
      insertStages(
        context,
        () => new DelayingStage({ dueMs: () => Number.POSITIVE_INFINITY, onHold: context.countHit }),
      );
      let isOn = true;
      context.onRemove(() => {
        isOn = false;
      });
      // Without this, removing the fault would deliver a request long after its client has seen the call fail.
      context.target.onClientClosed(() => {
        if (isOn) context.target.drop();
      });
    },
  };
}
