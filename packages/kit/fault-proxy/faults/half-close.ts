// A half-close: one direction ends too early (FIN, END_STREAM) while the other stays open.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { createEarlyEnd } from '../cut.ts';

/** When one direction ends. */
export interface HalfCloseOptions {
  /** Lets so many bytes of body pass first. Default 0: the end comes in place of the body. */
  readonly afterBytes?: number;
}

/**
 * Ends one direction and goes on with the other; by default it is the answer that ends.
 *
 * @throws TypeError naming the option that cannot be used.
 */
export function halfClose({ afterBytes = 0 }: HalfCloseOptions = {}): Fault {
  requireWhole('afterBytes', afterBytes, 0);
  return {
    name: 'half-close',
    hits: 'either',
    directions: ['down'],
    begin: (target) => insertEverywhere(target, (direction) => createEarlyEnd(target, direction, afterBytes)),
  };
}
