// Fails the first calls: a service that is still starting.

import type { Fault } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { failAlways } from './fail-always.ts';

/**
 * Answers the first `count` calls with an HTTP status, 503 by default, without asking the upstream service.
 *
 * @throws TypeError naming the argument that cannot be used.
 */
export function failFirst(count: number, status?: number): Fault {
  requireWhole('count', count, 1);
  return { ...failAlways(status), name: 'fail-first', schedule: { times: count } };
}
