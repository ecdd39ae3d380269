// The reservations and confirmations of concurrent calls: those that arrive while others are stored share one statement.
import type { Logger } from '../platform/observability/log.ts';
import { createBatcher } from '../platform/storage/batcher.ts';
import type { Database } from '../platform/storage/database.ts';
import type { Reservation } from './reservation.ts';
import { confirmReserved, type ReservedKey } from './reservation-store.ts';
import { type ReserveDecision, type ReserveIntent, reserveTogether } from './reserve-lines.ts';

export type ReservationBatches = {
  /** Reserves for an order, or stores its rejection, unless it was decided before. */
  reserve(intent: ReserveIntent): Promise<ReserveDecision>;
  /** Confirms the reserved stock of an order; undefined when it has none. */
  confirm(key: ReservedKey): Promise<Reservation | undefined>;
};

/** Creates the batches of one replica. */
export function createReservationBatches(options: {
  readonly database: Database;
  readonly log: Logger;
}): ReservationBatches {
  const { database } = options;
  return {
    reserve: createBatcher({
      run: (intents) => reserveTogether(options, database, intents),
      keyOf: ({ draft }) => draft.orderId,
    }),
    confirm: createBatcher({ run: (keys) => confirmReserved(database, keys), keyOf: ({ orderId }) => orderId }),
  };
}
