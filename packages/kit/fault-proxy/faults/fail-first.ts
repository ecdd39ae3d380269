// fail-first: the first n calls get an HTTP error status, 503 by default, as from a service that is still starting.

import type { Fault } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { failAlways } from './fail-always.ts';

/**
 * Answers the first `count` calls with an HTTP status, 503 by default. The upstream service does not see those calls.
 *
 * @throws {TypeError} naming the invalid argument.
 */
export function failFirst(count: number, status?: number): Fault {
  requireWhole('count', count, 1);
  return { ...failAlways(status), name: 'fail-first', schedule: { times: count } };
}
