// OrderCreated as inventory consumes it: its real handler over its real database.
import { create } from '@bufbuild/protobuf';
import { like, replayRecordedEvents } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InsufficientStockSchema, StockReservedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { ReleaseReservationRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { releaseReservation } from '#services/inventory/release-reservation.ts';
import { envelopeOf, inTurn, recordedEvents, shopContract } from '../../support/contracts/contracts.ts';
import { openStockFixture, type StockFixture } from './stock-fixture.ts';

// The handlers decode the events, so the fields they read are recorded there.
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

let fixture: StockFixture;

// One fixture for the file: every test starts with the initial catalogue.
beforeAll(async () => {
  fixture = await openStockFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe('OrderCreated', () => {
  it('reserves prod456 x 2 and prod789 x 1 of 100 and 50, once however often it is delivered', {
    tags: 'seed-5.2',
  }, async () => {
    const check = async () => {
      expect(await fixture.available()).toEqual([98, 49]);
      expect(await fixture.reported()).toEqual([StockReservedSchema.typeName]);
    };

    await created().handledBy(inTurn(fixture.handle, fixture.begin, check), { deliveries: ['once', 'redelivered'] });
  });

  it('for prod456 x 200 of 100 leaves the stock unchanged and publishes once', { tags: 'seed-5.3' }, async () => {
    const check = async () => {
      expect(await fixture.available()).toEqual([100, 50]);
      expect(await fixture.reported()).toEqual([InsufficientStockSchema.typeName]);
    };

    await createdForTooMuch().handledBy(inTurn(fixture.handle, fixture.begin, check), {
      deliveries: ['once', 'redelivered'],
    });
  });

  it('of several orders has the same result in any order of delivery, with an empty inbox', async () => {
    const check = async () => {
      expect(await fixture.states()).toEqual({ [IN_STOCK]: 'RESERVED', [TOO_MUCH]: 'REJECTED' });
      expect(await fixture.available()).toEqual([98, 49]);
      expect(await fixture.reported()).toHaveLength(2);
    };

    await order.handle([created(), createdForTooMuch()], inTurn(fixture.handleAgain, fixture.begin, check), {
      deliveries: ['redelivered', 'reordered'],
    });
  });

  it('that is delivered after the release of its order reserves nothing', async () => {
    await fixture.begin();
    await releaseReservation(fixture.dependencies, create(ReleaseReservationRequestSchema, { orderId: IN_STOCK }));

    await created().handledBy(fixture.handle);

    expect(await fixture.states()).toEqual({ [IN_STOCK]: 'RELEASED' });
    expect(await fixture.available()).toEqual([100, 50]);
  });

  it('recorded earlier is still read: of an older order service, and of a newer one', async () => {
    const recorded = recordedEvents(import.meta.url, 'order-created');
    await fixture.begin();

    await replayRecordedEvents(recorded, fixture.handle);

    expect(Object.values(await fixture.states())).toEqual(['RESERVED', 'RESERVED', 'RESERVED']);
    expect(await fixture.available()).toEqual([94, 47]);
  });
});
