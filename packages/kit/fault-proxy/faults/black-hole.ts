// A black hole: connections are accepted and calls begin, but nothing comes out. No error, no end.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { DelayLine } from '../delay-line.ts';

/**
 * Swallows what is sent, by default in both directions. When it is removed, those who still wait are served; a call that was
 * given up meanwhile is gone, and the upstream service never hears of it.
 */
export function blackHole(): Fault {
  return {
    name: 'black-hole',
    hits: 'either',
    directions: ['up', 'down'],
    begin: (target) => {
      insertEverywhere(target, () => new DelayLine({ dueMs: () => Number.POSITIVE_INFINITY, onHold: target.hit }));
      let isOn = true;
      target.onRemove(() => {
        isOn = false;
      });
      // Otherwise it would be delivered at the removal, long after its caller was told that it failed.
      target.port.onClientGone(() => {
        if (isOn) target.port.drop();
      });
    },
  };
}
