import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { InsufficientStockSchema, StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { ReserveStockRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { readOrderCreated, reserveForEvents } from '#services/inventory/on-order-created.ts';
import { validateReserveRequest } from '#services/inventory/reserve-lines.ts';
import { reserveStock } from '#services/inventory/reserve-stock.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import { readEvent } from '#services/platform/messaging/event.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { testCall } from '../../support/services/call.ts';
import { serve } from '../../support/services/serve.ts';
import {
  dependOn,
  NEW_ID,
  NOW,
  reservationRow,
  reserveRow,
  type Statement,
  scriptDatabase,
} from './scripted-database.ts';

const SHORT = { product_id: 'prod456', requested: 2, available: 1 };
const REJECTED = reservationRow({ state: 'REJECTED', shortages: [SHORT] });

function reserve(database: Database, change: object = {}) {
  const dependencies = dependOn(database);
  const wanted = { orderId: 'ord1', lines: [{ productId: 'prod456', quantity: 2 }], ...change };
  const answer = serve(
    ReserveStockRequestSchema,
    wanted,
    (request) => reserveStock(dependencies, request, testCall()),
    (request, validation) => validateReserveRequest(request, 'lines', validation),
  );
  return { answer, wakeRelay: dependencies.wakeRelay };
}

function receive(database: Database, change: object = {}) {
  const dependencies = dependOn(database);
  const event = create(OrderCreatedSchema, {
    orderId: 'ord1',
    items: [{ productId: 'prod456', quantity: 2 }],
    ...change,
  });
  const received = () => readEvent(OrderCreatedSchema, toBinary(OrderCreatedSchema, event));
  const applied = database.transaction(async (transaction) =>
    reserveForEvents(dependencies, [readOrderCreated(dependencies, received())], transaction),
  );
  return { applied, wakeRelay: dependencies.wakeRelay };
}

describe('ReserveStock', () => {
  it('stores the reservation with its event in one statement and wakes the relay', async () => {
    const database = scriptDatabase([reserveRow({ ...reservationRow({ reservation_id: NEW_ID }), is_new: true })]);

    const { answer, wakeRelay } = reserve(database);

    expect(await answer).toMatchObject({ reservation: { reservationId: NEW_ID, state: ReservationState.RESERVED } });
    expect(wakeRelay).toHaveBeenCalledOnce();
    expect(database.statements).toHaveLength(1);
    expect(database.statements[0]?.values.slice(0, 5)).toEqual([
      ['ord1'],
      [NEW_ID],
      ['[{"product_id":"prod456","quantity":2}]'],
      [false],
      [NOW],
    ]);
    expect(readEvent(StockReservedSchema, payloadOf(database.statements[0]))).toMatchObject({ reservationId: NEW_ID });
  });

  it('locks products in the order of their ids, whatever the order of the request', async () => {
    const row = reservationRow({ lines: ['a', 'b', 'c'].map((product_id) => ({ product_id, quantity: 1 })) });
    const database = scriptDatabase([reserveRow({ ...row, is_new: true })]);

    await reserve(database, { lines: ['c', 'a', 'b'].map((productId) => ({ productId, quantity: 1 })) }).answer;

    const sorted = JSON.stringify(['a', 'b', 'c'].map((product_id) => ({ product_id, quantity: 1 })));
    expect(database.statements[0]?.values[2]).toEqual([sorted]);
  });

  it('answers a duplicate from the existing row, and publishes nothing', async () => {
    const database = scriptDatabase([reserveRow({ ...reservationRow({ state: 'CONFIRMED' }), is_new: false })]);

    const { answer, wakeRelay } = reserve(database);

    expect(await answer).toMatchObject({ reservation: { reservationId: 'res1', state: ReservationState.CONFIRMED } });
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('stores and publishes a rejection, then refuses the call', async () => {
    const database = scriptDatabase([reserveRow(undefined, [SHORT])], [REJECTED]);

    const { answer, wakeRelay } = reserve(database);

    await expect(answer).rejects.toMatchObject({ reason: 'INSUFFICIENT_STOCK' });
    expect(wakeRelay).toHaveBeenCalledOnce();
    expect(readEvent(InsufficientStockSchema, payloadOf(database.statements[1]))).toMatchObject({
      orderId: 'ord1',
      shortages: [{ productId: 'prod456', requested: 2, available: 1 }],
    });
  });

  it('reads again in a new statement when a concurrent call reserved first', async () => {
    const database = scriptDatabase([reserveRow(undefined)], [reservationRow()]);

    const { answer, wakeRelay } = reserve(database);

    expect(await answer).toMatchObject({ reservation: { reservationId: 'res1' } });
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('answers with the decision of a concurrent call, even when it found a shortage itself', async () => {
    const database = scriptDatabase([reserveRow(undefined, [SHORT])], [], [reservationRow({ state: 'CONFIRMED' })]);

    expect(await reserve(database).answer).toMatchObject({ reservation: { state: ReservationState.CONFIRMED } });
  });

  it('throws when a decided order has no row', async () => {
    const { answer } = reserve(scriptDatabase([reserveRow(undefined)], []));

    await expect(answer).rejects.toThrow('order ord1 is decided, yet has no reservation');
  });

  it('passes a database outage on and does not wake the relay', async () => {
    const { answer, wakeRelay } = reserve(
      scriptDatabase(unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'unavailable', retryAfterMs: 1_000 })),
    );

    await expect(answer).rejects.toMatchObject({ kind: 'unavailable' });
    expect(wakeRelay).not.toHaveBeenCalled();
  });

  it('refuses synthetic orders of other products before it queries the database', async () => {
    const database = scriptDatabase();
    const lines = [
      { productId: 'test-product', quantity: 1 },
      { productId: 'prod456', quantity: 1 },
    ];

    await expect(reserve(database, { lines, synthetic: true }).answer).rejects.toMatchObject({
      violations: [{ field: 'lines[1].product_id', description: 'must be test-product for a synthetic order' }],
    });
    expect(database.statements).toEqual([]);
  });

  it('refuses synthetic orders without the credential before it queries the database', async () => {
    const database = scriptDatabase();
    const lines = [{ productId: 'test-product', quantity: 1 }];

    await expect(reserve(database, { lines, synthetic: true }).answer).rejects.toMatchObject({
      kind: 'permission_denied',
      reason: 'SYNTHETIC_NOT_ALLOWED',
    });
    expect(database.statements).toEqual([]);
  });

  it('reports every violation of a request before it queries the database', async () => {
    const line = { productId: 'a', quantity: 1 };
    const cases: readonly (readonly [object, readonly string[]])[] = [
      [{ orderId: '', lines: [] }, ['order_id', 'lines']],
      [{ orderId: 'x'.repeat(129) }, ['order_id']],
      [{ lines: Array.from({ length: 101 }, () => line) }, ['lines']],
      [{ lines: [line, line, line] }, ['lines[1].product_id', 'lines[2].product_id']],
      [{ lines: [{ productId: '', quantity: 0 }] }, ['lines[0].product_id', 'lines[0].quantity']],
      [{ lines: [{ productId: 'a', quantity: 10_001 }] }, ['lines[0].quantity']],
      [{ lines: [{ productId: 'a\u0000', quantity: -1 }] }, ['lines[0].product_id', 'lines[0].quantity']],
    ];
    for (const [change, fields] of cases) {
      const violations = fields.map((field) => expect.objectContaining({ field }));
      await expect(reserve(scriptDatabase(), change).answer).rejects.toMatchObject({
        kind: 'invalid_argument',
        violations,
      });
    }
  });
});

describe('OrderCreated', () => {
  it('reserves and wakes the relay once the transaction is committed', async () => {
    const { applied, wakeRelay } = receive(scriptDatabase([reserveRow({ ...reservationRow(), is_new: true })]));

    await applied;

    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('treats a shortage as an outcome, not as a failure', async () => {
    const { applied, wakeRelay } = receive(scriptDatabase([reserveRow(undefined, [SHORT])], [REJECTED]));

    await applied;

    expect(wakeRelay).toHaveBeenCalledOnce();
  });

  it('changes and publishes nothing for a decided order', async () => {
    for (const row of [
      reservationRow(),
      REJECTED,
      reservationRow({ state: 'CONFIRMED' }),
      reservationRow({ state: 'RELEASED' }),
      reservationRow({ state: 'RELEASED', lines: [] }),
    ]) {
      const { applied, wakeRelay } = receive(scriptDatabase([reserveRow({ ...row, is_new: false })]));
      await applied;
      expect(wakeRelay).not.toHaveBeenCalled();
    }
  });

  it('fails when the order was decided with other items', async () => {
    const { applied } = receive(scriptDatabase([reserveRow({ ...reservationRow(), is_new: false })]), {
      items: [{ productId: 'prod456', quantity: 3 }],
    });

    await expect(applied).rejects.toMatchObject({ reason: 'RESERVATION_MISMATCH' });
  });

  it('fails terminally for invalid content, named by the field of the event', async () => {
    const { applied } = receive(scriptDatabase(), { orderId: '', items: [{ productId: 'prod456', quantity: 0 }] });

    await expect(applied).rejects.toMatchObject({
      kind: 'invalid_argument',
      violations: [
        expect.objectContaining({ field: 'order_id' }),
        expect.objectContaining({ field: 'items[0].quantity' }),
      ],
    });
  });
});

/** The body of the one event a statement stores. */
function payloadOf(statement: Statement | undefined): Uint8Array {
  const payload = statement?.values.flat().find((value) => value instanceof Uint8Array);
  if (payload === undefined) throw new Error('the statement stores no event');
  return payload;
}
