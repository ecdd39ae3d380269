// What inventory makes of OrderCreated: its real handler over its real database.
import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { like, replayRecordedEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { InsufficientStockSchema, StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { ReleaseReservationRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { FIRST_CATALOGUE } from '#services/inventory/catalogue.ts';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { releaseReservation } from '#services/inventory/release-reservation.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { putProduct } from '#services/inventory/upsert-product.ts';
import type { Database } from '#services/platform/database.ts';
import {
  type EventDesk,
  envelopeOf,
  inTurn,
  openEventDesk,
  recordedEvents,
  shopContract,
} from '../../support/contracts.ts';
import { silentLog } from '../../support/order-builders.ts';

// Handlers decode events themselves: what they read of them is recorded from there.
vi.mock(import('#services/platform/event.ts'), async (importOriginal) => {
  const { recordEvents } = await import('../../support/usage.ts');
  return recordEvents(await importOriginal());
});

const order = shopContract('InventoryService', 'OrderService');

const IN_STOCK = '4fa12dc2-a419-4d42-ae95-4d31be706f55';
const TOO_MUCH = '50b23ed3-b52a-4e53-bfa6-5e42cf817066';

const created = () =>
  order.uponReceiving('the news of an order').event(
    OrderCreatedSchema,
    {
      orderId: like(IN_STOCK),
      items: [
        { productId: 'prod456', quantity: 2 },
        { productId: 'prod789', quantity: 1 },
      ],
    },
    envelopeOf(OrderCreatedSchema, '30000000-0000-4000-8000-000000000001'),
  );
const createdForTooMuch = () =>
  order
    .uponReceiving('the news of an order for more than there is')
    .event(
      OrderCreatedSchema,
      { orderId: like(TOO_MUCH), items: [{ productId: 'prod456', quantity: 200 }] },
      envelopeOf(OrderCreatedSchema, '30000000-0000-4000-8000-000000000002'),
    );

interface StockRoom extends EventDesk {
  readonly dependencies: InventoryDependencies;
  /** Begins anew with the catalogue of the first day: prod456 100 times, prod789 50 times. */
  begin(): Promise<void>;
  /** How many of prod456 and of prod789 can be ordered. */
  available(): Promise<number[]>;
  /** The states of the reservations, by order. */
  states(): Promise<Record<string, string>>;
  /** The subjects of the events that inventory is about to publish. */
  told(): Promise<string[]>;
}

async function openStockRoom(): Promise<StockRoom> {
  const dependenciesOf = (database: Database): InventoryDependencies => ({
    database,
    log: silentLog,
    now: () => new Date(),
    newId: randomUUID,
    syntheticCredential: undefined,
    wakeRelay: () => undefined,
  });
  const desk = await openEventDesk('inventory', (database) => createInventorySubscriptions(dependenciesOf(database)));
  const { database, sql } = desk;
  return {
    ...desk,
    dependencies: dependenciesOf(database),
    begin: async () => {
      await desk.empty();
      await database.transaction(async (transaction) => {
        for (const draft of FIRST_CATALOGUE) await putProduct(transaction, draft, new Date());
      });
      await sql('delete from outbox');
    },
    available: async () => {
      const text = `select on_hand - reserved as available from product
        where product_id in ('prod456', 'prod789') order by product_id`;
      return (await sql<{ available: number }>(text)).map(({ available }) => available);
    },
    states: async () => {
      const rows = await sql<{ order_id: string; state: string }>('select order_id, state from reservation');
      return Object.fromEntries(rows.map(({ order_id, state }) => [order_id, state]));
    },
    told: async () => {
      const rows = await sql<{ subject: string }>('select subject from outbox order by subject');
      return rows.map(({ subject }) => subject);
    },
  };
}

let room: StockRoom;

// One room for the file: every run of the handler begins anew.
beforeAll(async () => {
  room = await openStockRoom();
});
afterAll(() => room[Symbol.asyncDispose]());

describe('OrderCreated', () => {
  it('takes prod456 x 2 and prod789 x 1 from 100 and 50, as in seed 5.2, once however often it comes', async () => {
    const check = async () => {
      expect(await room.available()).toEqual([98, 49]);
      expect(await room.told()).toEqual([StockReservedSchema.typeName]);
    };

    await created().handledBy(inTurn(room.handle, room.begin, check), { deliveries: ['once', 'redelivered'] });
  });

  it('for prod456 x 200 of 100 leaves the stock alone and is told of once, as in seed 5.3', async () => {
    const check = async () => {
      expect(await room.available()).toEqual([100, 50]);
      expect(await room.told()).toEqual([InsufficientStockSchema.typeName]);
    };

    await createdForTooMuch().handledBy(inTurn(room.handle, room.begin, check), {
      deliveries: ['once', 'redelivered'],
    });
  });

  it('of several orders ends the same in whatever order they come, receipts forgotten', async () => {
    const check = async () => {
      expect(await room.states()).toEqual({ [IN_STOCK]: 'RESERVED', [TOO_MUCH]: 'REJECTED' });
      expect(await room.available()).toEqual([98, 49]);
      expect(await room.told()).toHaveLength(2);
    };

    await order.handle([created(), createdForTooMuch()], inTurn(room.handleAnew, room.begin, check), {
      deliveries: ['redelivered', 'reordered'],
    });
  });

  it('that comes after the release of its order takes nothing', async () => {
    await room.begin();
    await releaseReservation(room.dependencies, create(ReleaseReservationRequestSchema, { orderId: IN_STOCK }));

    await created().handledBy(room.handle);

    expect(await room.states()).toEqual({ [IN_STOCK]: 'RELEASED' });
    expect(await room.available()).toEqual([100, 50]);
  });

  it('recorded earlier is still understood: of an older order service, and of one newer than this inventory', async () => {
    const recorded = recordedEvents(import.meta.url, 'order-created');
    await room.begin();

    await replayRecordedEvents(recorded, room.handle);

    expect(Object.values(await room.states())).toEqual(['RESERVED', 'RESERVED', 'RESERVED']);
    expect(await room.available()).toEqual([94, 47]);
  });
});
