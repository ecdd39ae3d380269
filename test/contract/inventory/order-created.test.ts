// What inventory makes of OrderCreated: its real handler over its real database.
import { create } from '@bufbuild/protobuf';
import { like, replayRecordedEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { InsufficientStockSchema, StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { ReleaseReservationRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { releaseReservation } from '#services/inventory/release-reservation.ts';
import { envelopeOf, inTurn, recordedEvents, shopContract } from '../../support/contracts/contracts.ts';
import { openStockRoom, type StockRoom } from './stock-fixture.ts';

// Handlers decode events themselves: what they read of them is recorded from there.
vi.mock(import('#services/platform/messaging/event.ts'), async (importOriginal) => {
  const { recordEvents } = await import('../../support/contracts/usage.ts');
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
