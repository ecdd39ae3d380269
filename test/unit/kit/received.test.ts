import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { InventoryService, ReserveStockRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { Journal } from '../../kit/journal.ts';
import { createReceived } from '../../kit/received.ts';

const { reserveStock, checkAvailability } = InventoryService.method;

/** A journal of ReserveStock calls for these orders. */
function journalOf(orderIds: string[], limit = 100): Journal {
  const journal = new Journal(limit);
  for (const orderId of orderIds) {
    journal.add({
      method: reserveStock,
      request: create(ReserveStockRequestSchema, { orderId }),
      requestHeader: new Headers(),
      outcome: 'answered',
      error: undefined,
    });
  }
  return journal;
}

function receivedOf(orderIds: string[], limit?: number) {
  const journal = journalOf(orderIds, limit);
  return createReceived(reserveStock, journal.of(reserveStock), journal.droppedOf(reserveStock));
}

describe('what was received', () => {
  it('is counted, all of it or what matches', () => {
    const received = receivedOf(['o1', 'o2', 'o1']);

    received.times(3);
    received.with({ orderId: 'o1' }).times(2);
    received.with({ orderId: 'o1' }).with({ synthetic: false }).times(2);
    received.neverWith({ orderId: 'o3' });
    receivedOf([]).never();
  });

  it.each([
    { fault: 'was called 2 times, not once', assert: () => receivedOf(['o1', 'o2']).times(1) },
    { fault: 'was called once, not 0 times', assert: () => receivedOf(['o1']).never() },
    {
      fault: 'was called 0 times, not once; it was not called at all',
      assert: () => receivedOf([]).times(1),
    },
    {
      fault: 'was called once with {"orderId":"o1"}, not 2 times',
      assert: () => receivedOf(['o1', 'o2']).with({ orderId: 'o1' }).times(2),
    },
    {
      fault: 'was not called with {"orderId":"o3"}; received:\n  1. {"orderId":"o1"',
      assert: () => receivedOf(['o1']).with({ orderId: 'o3' }),
    },
    {
      fault: 'was called once with {"orderId":"o1"}, not 0 times',
      assert: () => receivedOf(['o1']).neverWith({ orderId: 'o1' }),
    },
  ])('is told when it is not what was expected: $fault', ({ fault, assert }) => {
    expect(assert).toThrow(`shop.inventory.v1.InventoryService/ReserveStock ${fault}`);
  });

  it('is listed up to five calls', () => {
    const orderIds = ['o1', 'o2', 'o3', 'o4', 'o5', 'o6', 'o7'];

    expect(() => receivedOf(orderIds).times(1)).toThrow(/5\. .*o5.*\n {2}and 2 more$/);
  });
});

describe('a journal', () => {
  it('keeps the newest calls up to its limit, and refuses to count what it has lost', () => {
    const received = receivedOf(['o1', 'o2', 'o3'], 2);

    received.with({ orderId: 'o3' });
    expect(() => received.with({ orderId: 'o1' })).toThrow('was not called with');
    expect(() => received.times(2)).toThrow('1 calls are no longer in the journal');
    expect(() => received.neverWith({ orderId: 'o1' })).toThrow('raise journalLimit');
  });

  it('keeps the RPCs apart', () => {
    const journal = journalOf(['o1', 'o2', 'o3'], 2);

    expect([journal.of(checkAvailability), journal.droppedOf(checkAvailability)]).toEqual([[], 0]);
  });

  it('refuses a limit that keeps nothing', () => {
    expect(() => new Journal(0)).toThrow('journalLimit must be a whole number above 0, but is 0');
  });
});
