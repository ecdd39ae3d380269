// The event handlers of the order service.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it, vi } from 'vitest';
import { ProductChangedSchema } from '#gen/shop/inventory/v1/inventory_events_pb.ts';
import { onProductChanged } from '#services/order/on-product-changed.ts';
import { wakeOrders } from '#services/order/resume-orders.ts';
import { createOrderSubscriptions } from '#services/order/routes.ts';
import type { Transaction } from '#services/platform/storage/database.ts';
import { type Sql, type Statement, toStatement } from '#services/platform/storage/sql.ts';
import { euros, failureOf } from '../../support/services/order-builders.ts';

/** A transaction that records its statements and returns these rows for each. */
function recordingTransaction(rows: readonly object[] = []) {
  const statements: Statement[] = [];
  const afterCommit: (() => void)[] = [];
  const transaction: Transaction = {
    query: async <Row>(statement: unknown): Promise<Row[]> => {
      statements.push(toStatement(statement as Sql));
      return [...rows] as Row[];
    },
    afterCommit: (work) => afterCommit.push(work),
  };
  return { statements, transaction, commit: () => afterCommit.map((work) => work()) };
}

describe('an event of a dependency about an order', () => {
  it('makes blocked orders due with one statement, and wakes the resumer only after its commit', async () => {
    const { statements, transaction, commit } = recordingTransaction([{ order_id: 'order-1' }]);
    const wakeResumer = vi.fn();
    await wakeOrders(wakeResumer, ['order-1', 'order-2'], transaction);
    expect(statements).toHaveLength(1);
    expect(statements[0]?.values).toEqual([['order-1', 'order-2']]);
    expect(wakeResumer).not.toHaveBeenCalled();
    commit();
    expect(wakeResumer).toHaveBeenCalledOnce();
  });

  it('does not wake the resumer when no order is blocked', async () => {
    const { transaction, commit } = recordingTransaction();
    const wakeResumer = vi.fn();
    await wakeOrders(wakeResumer, ['order-1'], transaction);
    commit();
    expect(wakeResumer).not.toHaveBeenCalled();
  });

  it('needs no transaction and no receipt, since repeating it does no harm; a new price needs both', () => {
    const idempotent = createOrderSubscriptions(() => undefined)
      .flatMap(({ handlers }) => handlers)
      .filter(({ batch }) => batch?.isIdempotent);
    expect(idempotent.map(({ subject }) => subject)).toEqual([
      'shop.inventory.v1.StockReserved',
      'shop.inventory.v1.InsufficientStock',
      'shop.payment.v1.PaymentCompleted',
      'shop.payment.v1.PaymentFailed',
    ]);
  });

  it('is subscribed to: stock and prices of inventory, outcomes of payment', () => {
    const listed = createOrderSubscriptions(() => undefined).map(({ producer, handlers }) => [
      producer,
      handlers.map(({ subject }) => subject),
    ]);
    expect(listed).toEqual([
      [
        'inventory',
        ['shop.inventory.v1.StockReserved', 'shop.inventory.v1.InsufficientStock', 'shop.inventory.v1.ProductChanged'],
      ],
      ['payment', ['shop.payment.v1.PaymentCompleted', 'shop.payment.v1.PaymentFailed']],
    ]);
  });
});

describe('ProductChanged', () => {
  it('stores the price with its version', async () => {
    const { statements, transaction } = recordingTransaction();
    const event = create(ProductChangedSchema, { productId: 'a', unitPrice: euros(5n), version: 9n });
    await onProductChanged(event, transaction);
    expect(statements[0]?.values).toEqual([['a'], ['EUR'], [5n], [9n]]);
  });

  it('without a price is refused as invalid, naming the field', async () => {
    const { statements, transaction } = recordingTransaction();
    const failure = await failureOf(onProductChanged(create(ProductChangedSchema, { productId: 'a' }), transaction));
    expect(failure).toMatchObject({ kind: 'invalid_argument', violations: [{ field: 'unit_price' }] });
    expect(statements).toEqual([]);
  });
});
