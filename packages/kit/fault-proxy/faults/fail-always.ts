// Fails calls as a gateway does that finds nobody behind it.

import { callOf, type Fault } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';

/**
 * Answers calls with an HTTP status, 503 by default, without asking the upstream service.
 *
 * @throws TypeError naming the argument that cannot be used.
 */
export function failAlways(status = 503): Fault {
  requireWhole('status', status, 400, 599);
  return {
    name: 'fail-always',
    hits: 'calls',
    directions: ['down'],
    begin: (target) => {
      target.hit();
      callOf(target).answer(status);
    },
  };
}
