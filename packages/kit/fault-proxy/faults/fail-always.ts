// fail-always: the client gets an HTTP error status, 503 by default, as from a gateway without a healthy backend.

import { callOf, type Fault } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';

/**
 * Answers calls with an HTTP status, 503 by default. The upstream service does not see them.
 *
 * @throws {TypeError} naming the invalid argument.
 */
export function failAlways(status = 503): Fault {
  requireWhole('status', status, 400, 599);
  return {
    name: 'fail-always',
    hits: 'calls',
    directions: ['down'],
    apply: (context) => {
      context.countHit();
      callOf(context).answer(status);
    },
  };
}
