// Fails every so-manieth call: one bad replica among good ones.

import type { Fault } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { failAlways } from './fail-always.ts';

/**
 * Answers every `interval`th call with an HTTP status, 503 by default, without asking the upstream service.
 *
 * @throws TypeError naming the argument that cannot be used.
 */
export function failEvery(interval: number, status?: number): Fault {
  requireWhole('interval', interval, 1);
  return { ...failAlways(status), name: 'fail-every', schedule: { every: interval } };
}
