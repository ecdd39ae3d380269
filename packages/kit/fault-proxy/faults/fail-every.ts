// fail-every: every nth call gets an HTTP error status, 503 by default, as from one bad replica among good ones.

import type { Fault } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { failAlways } from './fail-always.ts';

/**
 * Answers every `interval`th call with an HTTP status, 503 by default. The upstream service does not see those calls.
 *
 * @throws {TypeError} naming the invalid argument.
 */
export function failEvery(interval: number, status?: number): Fault {
  requireWhole('interval', interval, 1);
  return { ...failAlways(status), name: 'fail-every', schedule: { every: interval } };
}
