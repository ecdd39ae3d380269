import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { InventoryService, ReserveStockRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import {
  LibraryService,
  ReturnBooksRequestSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { Journal } from '../../../../packages/kit/virtual/journal.ts';
import { createReceived } from '../../../../packages/kit/virtual/received.ts';

const { reserveStock, checkAvailability } = InventoryService.method;
const { returnBooks } = LibraryService.method;

/** A journal of ReserveStock calls for these orders. */
function journalOf(orderIds: string[], limit = 100): Journal {
  const journal = new Journal(limit);
  for (const orderId of orderIds) {
    const call = journal.begin(reserveStock, new Headers());
    journal.addRequest(call, create(ReserveStockRequestSchema, { orderId }));
    call.end('answered');
  }
  return journal;
}

function receivedOf(orderIds: string[], limit?: number) {
  const journal = journalOf(orderIds, limit);
  return createReceived({
    method: reserveStock,
    calls: journal.of(reserveStock),
    dropped: journal.droppedOf(reserveStock),
    registry: createTypeRegistry([InventoryService]),
  });
}

describe('received calls', () => {
  it('are counted, all of them or those that match', () => {
    const received = receivedOf(['o1', 'o2', 'o1']);

    received.times(3);
    received.with({ orderId: 'o1' }).times(2);
    received.with({ orderId: 'o1' }).with({ synthetic: false }).times(2);
    received.neverWith({ orderId: 'o3' });
    receivedOf([]).never();
  });

  it('are selected by their outcome', () => {
    const received = receivedOf(['o1']);

    received.ending('answered').with({ orderId: 'o1' }).times(1);
    expect(() => received.ending('failed')).toThrow('was not called and failed; received:\n  1. answered: {"orderId"');
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
      fault: 'was not called with {"orderId":"o3"}; received:\n  1. answered: {"orderId":"o1"',
      assert: () => receivedOf(['o1']).with({ orderId: 'o3' }),
    },
    {
      fault: 'was called once with {"orderId":"o1"}, not 0 times',
      assert: () => receivedOf(['o1']).neverWith({ orderId: 'o1' }),
    },
  ])('fail an assertion that lists them: $fault', ({ fault, assert }) => {
    expect(assert).toThrow(`shop.inventory.v1.InventoryService/ReserveStock ${fault}`);
  });

  it('are listed up to five', () => {
    const orderIds = ['o1', 'o2', 'o3', 'o4', 'o5', 'o6', 'o7'];

    expect(() => receivedOf(orderIds).times(1)).toThrow(/5\. .*o5.*\n {2}and 2 more$/);
  });
});

describe('a journal', () => {
  it('keeps the newest calls up to its limit, and refuses to count dropped ones', () => {
    const received = receivedOf(['o1', 'o2', 'o3'], 2);

    received.with({ orderId: 'o3' });
    expect(() => received.with({ orderId: 'o1' })).toThrow('was not called with');
    expect(() => received.times(2)).toThrow('the journal has dropped 1 calls');
    expect(() => received.neverWith({ orderId: 'o1' })).toThrow('raise journalLimit');
  });

  it('counts the requests of a stream against its limit, and keeps the newest of a longer one', () => {
    const journal = new Journal(3);
    const add = (...bookIds: string[]) => {
      const call = journal.begin(returnBooks, new Headers());
      for (const bookId of bookIds) journal.addRequest(call, create(ReturnBooksRequestSchema, { bookId }));
    };
    const kept = () => journal.of(returnBooks).map(({ requests }) => requests.map(({ bookId }) => bookId).join());

    add('a');
    add('b', 'c');
    expect(kept()).toEqual(['a', 'b,c']);
    add('d');
    expect([kept(), journal.droppedOf(returnBooks)]).toEqual([['b,c', 'd'], 1]);
    add('e', 'f', 'g', 'h');
    expect([kept(), journal.droppedOf(returnBooks)]).toEqual([['f,g,h'], 3]);
  });

  it('drops a stream with all its requests, which leaves room for as many calls', () => {
    const journal = new Journal(3);
    const stream = journal.begin(returnBooks, new Headers());
    for (const bookId of ['a', 'b', 'c']) journal.addRequest(stream, create(ReturnBooksRequestSchema, { bookId }));
    const later = Array.from({ length: 3 }, () => journal.begin(returnBooks, new Headers()));

    expect(journal.all()).toEqual(later);
    expect(journal.dropped).toBe(1);
  });

  it('has dropped nothing once it is cleared', () => {
    const journal = journalOf(['o1', 'o2', 'o3'], 2);

    journal.clear();

    expect([journal.all(), journal.dropped, journal.droppedOf(reserveStock)]).toEqual([[], 0, 0]);
  });

  it('records the first outcome of a call, which a fault overrides', () => {
    const call = new Journal(1).begin(returnBooks, new Headers());
    const outcomes = [call.outcome];
    call.end('answered');
    call.end('abandoned');
    outcomes.push(call.outcome);
    call.markFaulted('reset');
    call.end('failed');
    outcomes.push(call.outcome);

    expect([outcomes, call.fault]).toEqual([['running', 'answered', 'faulted'], 'reset']);
  });

  it('counts each RPC separately', () => {
    const journal = journalOf(['o1', 'o2', 'o3'], 2);

    expect([journal.of(checkAvailability), journal.droppedOf(checkAvailability)]).toEqual([[], 0]);
  });

  it('refuses a limit of 0', () => {
    expect(() => new Journal(0)).toThrow('journalLimit must be a whole number above 0, but is 0');
  });
});
