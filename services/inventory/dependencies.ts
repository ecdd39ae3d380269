// The dependencies of the use cases and event handlers; service.ts builds them.

import type { Logger } from '../platform/observability/log.ts';
import type { Database } from '../platform/storage/database.ts';
import type { ReservationBatches } from './reservation-batches.ts';

export type InventoryDependencies = {
  readonly batches: ReservationBatches;
  readonly database: Database;
  readonly log: Logger;
  readonly now: () => Date;
  /** Generates the id of a new reservation, a UUID. */
  readonly newId: () => string;
  /** Allows synthetic orders; undefined refuses them all. A secret. */
  readonly syntheticCredential: string | undefined;
  /** Makes the relay publish the events just committed, instead of at its next poll. */
  readonly wakeRelay: () => void;
};
