import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { beforeEach, describe, expect, it } from 'vitest';
import { InventoryService, ReserveStockRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createStub, type Stub } from '../../kit/stub.ts';
import { StubBook } from '../../kit/stub-book.ts';

const { reserveStock } = InventoryService.method;
type Match = Parameters<typeof create<typeof ReserveStockRequestSchema>>[1];

let book: StubBook;
beforeEach(() => {
  book = new StubBook();
});

function stub(match: object = {}): Stub<typeof reserveStock> {
  return createStub(book.open(reserveStock, match));
}

/** Returns the answer, the failure or the hang that a request gets. */
function ask(request: Match): unknown {
  const { action } = book.next(reserveStock, create(ReserveStockRequestSchema, request));
  if (action.kind === 'reply') return action.reply;
  return action.kind === 'fail' ? action.message : action.kind;
}

describe('the stub that answers', () => {
  it('is the one that states the most values, in whatever order they were made', () => {
    stub({ orderId: 'o1', synthetic: true }).replies({ reservation: { reservationId: 'most' } });
    stub().replies({ reservation: { reservationId: 'any' } });
    stub({ orderId: 'o1' }).replies({ reservation: { reservationId: 'one' } });

    const ids = [{ orderId: 'o1', synthetic: true }, { orderId: 'o1' }, { orderId: 'o2' }].map(ask);

    expect(ids).toEqual(['most', 'one', 'any'].map((reservationId) => ({ reservation: { reservationId } })));
  });

  it('is the later one of two that state the same values', () => {
    stub({ orderId: 'o1', synthetic: false }).fails(Code.Internal, 'first');
    stub({ synthetic: false, orderId: 'o1' }).fails(Code.Internal, 'second');

    expect(ask({ orderId: 'o1' })).toBe('second');
  });

  it('is not mistaken for another whose long value begins alike', () => {
    const long = 'x'.repeat(1000);
    stub({ orderId: `${long}1` }).fails(Code.Internal, 'first');
    stub({ orderId: `${long}2` }).fails(Code.Internal, 'second');

    expect(ask({ orderId: `${long}1` })).toBe('first');
  });

  it('is none of two that match and of which neither is more specific: both are named', () => {
    stub({ orderId: 'o1' }).hangs();
    stub({ synthetic: true }).hangs();

    expect(() => ask({ orderId: 'o1', synthetic: true })).toThrow(
      expect.objectContaining({
        code: Code.Internal,
        message:
          'shop.inventory.v1.InventoryService/ReserveStock: both stub(ReserveStock, { orderId: "o1" }) and ' +
          'stub(ReserveStock, { synthetic: true }) match',
      }),
    );
    expect(ask({ orderId: 'o1' })).toBe('hang');
  });

  it('goes through its steps and repeats the last one', () => {
    stub().fails(Code.Unavailable, 'down').thenFails(Code.Unavailable, 'still down').thenHangs();

    expect([1, 2, 3, 4].map(() => ask({}))).toEqual(['down', 'still down', 'hang', 'hang']);
  });

  it('keeps count of its own calls only', () => {
    stub({ orderId: 'o1' }).fails(Code.Internal, 'first of o1').thenHangs();
    stub({ orderId: 'o2' }).fails(Code.Internal, 'first of o2').thenHangs();

    expect([ask({ orderId: 'o1' }), ask({ orderId: 'o2' }), ask({ orderId: 'o1' })]).toEqual([
      'first of o1',
      'first of o2',
      'hang',
    ]);
  });

  it('waits for the sum of its delays, before that step alone', () => {
    stub().delays(10).delays(5).replies({}).thenDelays(1).replies({}).thenReplies({});
    const next = () => book.next(reserveStock, create(ReserveStockRequestSchema)).delayMs;

    expect([next(), next(), next()]).toEqual([15, 1, 0]);
  });
});

describe('a request that no stub is for', () => {
  it('is told that its RPC is not stubbed, also when a stub was begun and told nothing', () => {
    stub();

    expect(() => ask({})).toThrow(
      expect.objectContaining({
        code: Code.Unimplemented,
        message: 'shop.inventory.v1.InventoryService/ReserveStock is not stubbed',
      }),
    );
  });

  it('is told the nearest stub and every field that differs from it', () => {
    stub({ orderId: 'o2', synthetic: true, lines: [{ quantity: 3 }] }).hangs();
    stub({ orderId: 'o1', synthetic: true, lines: [{ productId: '12345', quantity: 10 }] }).hangs();

    expect(() => ask({ orderId: 'o1', lines: [{ productId: '12345', quantity: 9 }] })).toThrow(
      'no stub matches; nearest is stub(ReserveStock, { lines.length: 1, lines[0].productId: "12345", ' +
        'lines[0].quantity: 10, orderId: "o1", synthetic: true }), but synthetic is false, not true; ' +
        'lines[0].quantity is 9, not 10',
    );
  });

  it('is every request after the stubs are cleared', () => {
    stub().replies({});
    book.clear();

    expect(() => ask({})).toThrow('is not stubbed');
  });
});
