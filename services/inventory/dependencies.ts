// What the use cases and event handlers of inventory work with; service.ts provides it.

import type { Logger } from '../platform/observability/log.ts';
import type { Database } from '../platform/storage/database.ts';

export type InventoryDependencies = {
  readonly database: Database;
  readonly log: Logger;
  /** The present time. */
  readonly now: () => Date;
  /** Gives a new reservation its id, a UUID. */
  readonly newId: () => string;
  /** Allows synthetic orders; undefined refuses them all. A secret. */
  readonly syntheticCredential: string | undefined;
  /** Publishes what a commit has just put in the outbox. */
  readonly wakeRelay: () => void;
};
