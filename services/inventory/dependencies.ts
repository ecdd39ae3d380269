// What the use cases and event handlers of inventory work with; service.ts provides it.
import type { Database } from '../platform/database.ts';
import type { Logger } from '../platform/log.ts';

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
