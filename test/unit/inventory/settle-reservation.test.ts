import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import {
  ConfirmReservationRequestSchema,
  ReleaseReservationRequestSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { confirmReservation } from '#services/inventory/confirm-reservation.ts';
import { releaseReservation } from '#services/inventory/release-reservation.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { serve } from '../../support/services/serve.ts';
import { dependOn, NEW_ID, NOW, reservationRow, scriptDatabase } from './scripted-database.ts';

const RESERVED = reservationRow();
const CONFIRMED = reservationRow({ state: 'CONFIRMED', version: 2 });
const RELEASED = reservationRow({ state: 'RELEASED', version: 2 });
const REJECTED = reservationRow({
  state: 'REJECTED',
  shortages: [{ product_id: 'prod456', requested: 2, available: 1 }],
});

function confirm(database: Database, reservationId = '') {
  return confirmReservation(
    dependOn(database),
    create(ConfirmReservationRequestSchema, { orderId: 'ord1', reservationId }),
  );
}

function release(database: Database, reservationId = '') {
  const dependencies = dependOn(database);
  const request = create(ReleaseReservationRequestSchema, { orderId: 'ord1', reservationId });
  return { answer: releaseReservation(dependencies, request), wakeRelay: dependencies.wakeRelay };
}

describe('ConfirmReservation', () => {
  it('confirms in one statement', async () => {
    const database = scriptDatabase([CONFIRMED]);

    expect(await confirm(database, 'res1')).toMatchObject({ reservation: { state: ReservationState.CONFIRMED } });
    expect(database.statements.map(({ values }) => values)).toEqual([[['ord1'], ['res1'], [NOW]]]);
  });

  it('answers a duplicate with the confirmed reservation', async () => {
    expect(await confirm(scriptDatabase([], [CONFIRMED]))).toMatchObject({ reservation: { reservationId: 'res1' } });
  });

  it('confirms at the next try when the stock was reserved during the first', async () => {
    const database = scriptDatabase([], [RESERVED], [CONFIRMED]);

    expect(await confirm(database)).toMatchObject({ reservation: { state: ReservationState.CONFIRMED } });
  });

  it('refuses what cannot be confirmed', async () => {
    await expect(confirm(scriptDatabase([], []))).rejects.toMatchObject({ reason: 'RESERVATION_NOT_FOUND' });
    await expect(confirm(scriptDatabase([], [RELEASED]))).rejects.toMatchObject({ reason: 'RESERVATION_RELEASED' });
    await expect(confirm(scriptDatabase([], [REJECTED]))).rejects.toMatchObject({ reason: 'INSUFFICIENT_STOCK' });
    await expect(confirm(scriptDatabase([], [RESERVED]), 'res2')).rejects.toMatchObject({
      reason: 'RESERVATION_MISMATCH',
    });
  });

  it('throws when the reservation changes during every try', async () => {
    const database = scriptDatabase([], [RESERVED], [], [RESERVED], [], [RESERVED]);

    await expect(confirm(database)).rejects.toThrow('changed during every try');
    expect(database.statements).toHaveLength(6);
  });

  it('reports every violation of a request before it queries the database', async () => {
    const call = serve(ConfirmReservationRequestSchema, { reservationId: 'x'.repeat(129) }, (request) =>
      confirmReservation(dependOn(scriptDatabase()), request),
    );

    await expect(call).rejects.toMatchObject({
      violations: [{ field: 'order_id' }, { field: 'reservation_id' }],
    });
  });
});

describe('ReleaseReservation', () => {
  it('releases reserved stock and wakes the relay', async () => {
    const { answer, wakeRelay } = release(scriptDatabase([RESERVED], [RELEASED]), 'res1');

    expect(await answer).toMatchObject({ reservation: { state: ReservationState.RELEASED } });
    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('answers a duplicate with the released reservation, and publishes nothing', async () => {
    const { answer, wakeRelay } = release(scriptDatabase([RELEASED]));

    expect(await answer).toMatchObject({ reservation: { reservationId: 'res1' } });
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('inserts a tombstone with a new id for an unknown order, and publishes nothing', async () => {
    const database = scriptDatabase([], [reservationRow({ state: 'RELEASED', lines: [], reservation_id: NEW_ID })]);

    const { answer, wakeRelay } = release(database, 'from-nowhere');

    expect(await answer).toMatchObject({ reservation: { reservationId: NEW_ID, lines: [] } });
    expect(database.statements[1]?.values).toEqual(['ord1', NEW_ID, NOW, NOW]);
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('turns a rejection into a release, and publishes nothing', async () => {
    const { answer, wakeRelay } = release(scriptDatabase([REJECTED], [{ ...REJECTED, state: 'RELEASED' }]));

    expect(await answer).toMatchObject({ reservation: { state: ReservationState.RELEASED } });
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('decides again when a concurrent call was faster at each step', async () => {
    const { answer } = release(scriptDatabase([], [], [RESERVED], [], [RELEASED]));

    expect(await answer).toMatchObject({ reservation: { state: ReservationState.RELEASED } });
  });

  it('refuses when a concurrent confirm was faster', async () => {
    const { answer, wakeRelay } = release(scriptDatabase([RESERVED], [], [CONFIRMED]));

    await expect(answer).rejects.toMatchObject({ reason: 'RESERVATION_CONFIRMED' });
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('refuses by the id of another reservation', async () => {
    await expect(release(scriptDatabase([RESERVED]), 'res2').answer).rejects.toMatchObject({
      reason: 'RESERVATION_MISMATCH',
    });
  });

  it('throws when the reservation changes during every try', async () => {
    const database = scriptDatabase([RESERVED], [], [RESERVED], [], [RESERVED], []);

    await expect(release(database).answer).rejects.toThrow('changed during every try');
  });

  it('reports every violation of a request before it queries the database', async () => {
    const wrong = { orderId: 'a\n', reservationId: 'x'.repeat(129) };
    const call = serve(ReleaseReservationRequestSchema, wrong, (request) =>
      releaseReservation(dependOn(scriptDatabase()), request),
    );

    await expect(call).rejects.toMatchObject({
      violations: [{ field: 'order_id' }, { field: 'reservation_id' }],
    });
  });
});
