// half-close: the client sees one direction end too early (FIN, END_STREAM) while the other stays open.
//
//   sent:      head ████████|
//   received:  head ███|

import { type Fault, insertStages } from '../core/fault.ts';
import { requireWhole } from '../core/require-option.ts';
import { createEndingStage } from '../stages/truncating-stage.ts';

/** Where `halfClose` ends a direction. */
export type HalfCloseOptions = {
  /** How many bytes of body pass first. Default 0: the end comes in place of the body. */
  readonly afterBytes?: number;
};

/**
 * Ends one direction, by default that of the answer, and leaves the other open.
 *
 * @throws {TypeError} naming the invalid option.
 */
export function halfClose({ afterBytes = 0 }: HalfCloseOptions = {}): Fault {
  requireWhole('afterBytes', afterBytes, 0);
  return {
    name: 'half-close',
    hits: 'either',
    directions: ['down'],
    apply: (context) => insertStages(context, (direction) => createEndingStage(context, direction, afterBytes)),
  };
}
