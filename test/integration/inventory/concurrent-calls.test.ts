// Calls that arrive together share statements, and each gets its own answer.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  ConfirmReservationRequestSchema,
  ReserveStockRequestSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { confirmReservation } from '#services/inventory/confirm-reservation.ts';
import { readOrderCreated, reserveForEvents } from '#services/inventory/on-order-created.ts';
import { reserveStock } from '#services/inventory/reserve-stock.ts';
import { DomainError } from '#services/platform/base/errors.ts';
import { testCall } from '../../support/services/call.ts';
import { lines } from '../../support/services/inventory.ts';
import { useInventory } from './inventory-fixture.ts';

const inventory = useInventory();

/** Counts the outcomes of calls by the reason of their failure; `ok` for a success. */
async function countOutcomes(calls: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const settled = await Promise.allSettled(calls);
  const counts: Record<string, number> = {};
  for (const result of settled) {
    const reason = result.status === 'rejected' && result.reason instanceof DomainError ? result.reason.reason : 'ok';
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return counts;
}

describe('calls of ReserveStock that arrive together', () => {
  it('sell exactly what there is, and reject only the orders that find too little', async () => {
    await inventory.addProduct('lamp', 25);
    const { dependencies } = inventory;
    const reserve = (index: number) => {
      const wanted = { orderId: `order-${index}`, lines: lines(['lamp', 1]) };
      return reserveStock(dependencies, create(ReserveStockRequestSchema, wanted), testCall());
    };

    const counts = await countOutcomes(Array.from({ length: 40 }, (_, index) => reserve(index)));

    expect(counts).toEqual({ ok: 25, INSUFFICIENT_STOCK: 15 });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 25, reserved: 25, sold: 0 });
    const [reported] = await inventory.query<{ reserved: number; short: number }>(
      `select count(*) filter (where subject like '%StockReserved')::int as reserved,
        count(*) filter (where subject like '%InsufficientStock')::int as short from outbox`,
    );
    expect(reported).toEqual({ reserved: 25, short: 15 });
  });

  it('and want one product that does not exist fail alone', async () => {
    await inventory.addProduct('lamp', 25);
    const { dependencies } = inventory;
    const reserve = (index: number) => {
      const wanted = { orderId: `order-${index}`, lines: lines([index === 3 ? 'unicorn' : 'lamp', 1]) };
      return reserveStock(dependencies, create(ReserveStockRequestSchema, wanted), testCall());
    };

    const counts = await countOutcomes(Array.from({ length: 8 }, (_, index) => reserve(index)));

    expect(counts).toEqual({ ok: 7, INSUFFICIENT_STOCK: 1 });
  });
});

describe('events of OrderCreated that arrive together', () => {
  const receive = (events: readonly { readonly orderId: string; readonly quantity: number }[]) =>
    inventory.database.transaction((transaction) => {
      const { dependencies } = inventory;
      const intents = events.map(({ orderId, quantity }) =>
        readOrderCreated(dependencies, create(OrderCreatedSchema, { orderId, items: lines(['lamp', quantity]) })),
      );
      return reserveForEvents(dependencies, intents, transaction);
    });

  it('reserve for each order once, also when one of them comes twice', async () => {
    await inventory.addProduct('lamp', 10);
    const one = { orderId: 'one', quantity: 2 };

    await receive([one, { orderId: 'two', quantity: 3 }, one]);

    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 5, sold: 0 });
    expect(await inventory.subjects()).toEqual(Array(2).fill('shop.inventory.v1.StockReserved'));
  });

  it('fail together, and store nothing, when one has other items than its order was decided with', async () => {
    await inventory.addProduct('lamp', 10);
    await receive([{ orderId: 'one', quantity: 2 }]);

    const [outcome] = await Promise.allSettled([
      receive([
        { orderId: 'two', quantity: 3 },
        { orderId: 'one', quantity: 4 },
      ]),
    ]);

    expect(outcome).toMatchObject({ reason: { reason: 'RESERVATION_MISMATCH' } });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 10, reserved: 2, sold: 0 });
  });
});

describe('calls of ConfirmReservation that arrive together', () => {
  it('confirm each order once, and refuse only the one without a reservation', async () => {
    await inventory.addProduct('lamp', 25);
    const { dependencies } = inventory;
    const ids = Array.from({ length: 10 }, (_, index) => `order-${index}`);
    for (const orderId of ids) {
      const wanted = { orderId, lines: lines(['lamp', 2]) };
      await reserveStock(dependencies, create(ReserveStockRequestSchema, wanted), testCall());
    }
    const confirm = (orderId: string) =>
      confirmReservation(dependencies, create(ConfirmReservationRequestSchema, { orderId }));

    const counts = await countOutcomes([...ids, 'stranger', ...ids].map(confirm));

    expect(counts).toEqual({ ok: 20, RESERVATION_NOT_FOUND: 1 });
    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 5, reserved: 0, sold: 20 });
  });

  it.each([
    { calls: 'none of them names', named: 0 },
    { calls: 'one of them names', named: 1 },
  ])('confirm one order once while others hold the same product, when $calls its reservation', async ({ named }) => {
    await inventory.addProduct('lamp', 25);
    const { dependencies } = inventory;
    const reserve = (orderId: string, quantity: number) => {
      const wanted = { orderId, lines: lines(['lamp', quantity]) };
      return reserveStock(dependencies, create(ReserveStockRequestSchema, wanted), testCall());
    };
    const { reservation } = await reserve('one', 2);
    await reserve('other', 10);
    const ids = Array.from({ length: 3 }, (_, index) => (index < named ? (reservation?.reservationId ?? '') : ''));

    await Promise.all(
      ids.map((reservationId) =>
        confirmReservation(dependencies, create(ConfirmReservationRequestSchema, { orderId: 'one', reservationId })),
      ),
    );

    expect(await inventory.stockOf('lamp')).toEqual({ on_hand: 23, reserved: 10, sold: 2 });
  });
});
