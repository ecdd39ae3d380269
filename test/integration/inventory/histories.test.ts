// Random histories of concurrent calls and events: stock adds up, and every answer stays true.
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReservationStateSchema } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { adjustStock } from '#services/inventory/adjust-stock.ts';
import { confirmReservation } from '#services/inventory/confirm-reservation.ts';
import type { InventoryDependencies } from '#services/inventory/dependencies.ts';
import { releaseReservation } from '#services/inventory/release-reservation.ts';
import { createReservationBatches } from '#services/inventory/reservation-batches.ts';
import { reserveStock } from '#services/inventory/reserve-stock.ts';
import { createInventorySubscriptions } from '#services/inventory/routes.ts';
import { putProduct } from '#services/inventory/upsert-product.ts';
import { DomainError } from '#services/platform/base/errors.ts';
import { applyTogether, prepareEvent } from '#services/platform/messaging/inbox.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { checkHistories, historyRuns, historyTimeoutMs } from '../../support/histories.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { testCall } from '../../support/services/call.ts';
import { silentLog } from '../../support/services/order-builders.ts';
import { type Answer, findStockFaults } from './history-checks.ts';

const RUNS = historyRuns(50);
const ORDERS = ['order-a', 'order-b', 'order-c', 'order-d'] as const;
type OrderId = (typeof ORDERS)[number];
/** The lines of each order: the first two in different orders of lines, the third more than is available for two. */
const LINES: Readonly<Record<OrderId, readonly { readonly productId: string; readonly quantity: number }[]>> = {
  'order-a': [
    { productId: 'lamp', quantity: 2 },
    { productId: 'mug', quantity: 1 },
  ],
  'order-b': [
    { productId: 'mug', quantity: 1 },
    { productId: 'lamp', quantity: 2 },
  ],
  'order-c': [{ productId: 'lamp', quantity: 3 }],
  'order-d': [{ productId: 'mug', quantity: 4 }],
};
const OPENING = { lamp: 5, mug: 4 } as const;

type Step =
  | { readonly kind: 'reserve' | 'confirm' | 'release'; readonly orderId: OrderId }
  /** The order's event: delivered first, redelivered, or published twice under two ids. */
  | { readonly kind: 'hear'; readonly orderId: OrderId; readonly eventId: number }
  | { readonly kind: 'adjust'; readonly key: number; readonly productId: 'lamp' | 'mug'; readonly delta: number };

const orderId = fc.constantFrom(...ORDERS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('reserve' as const, 'confirm' as const, 'release' as const),
      orderId,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hear' as const), orderId, eventId: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('adjust' as const),
      key: fc.nat(2),
      productId: fc.constantFrom('lamp' as const, 'mug' as const),
      delta: fc.constantFrom(3, -1, -4),
    }),
  },
);
/** The rounds run one after the other, the steps of a round at once. */
const histories = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 });

describe('stock, through every history of calls and events', () => {
  it(
    'adds up, and every answer stays true',
    async () => {
      await using resources = new AsyncDisposableStack();
      const { databaseUrl } = resources.use(await createTestDatabase('inventory'));
      const database = createDatabase({ url: databaseUrl, size: 6, timeoutMs: 10_000, log: silentLog });
      resources.defer(() => database.close());

      const property = fc.asyncProperty(histories, async (rounds) => {
        const answers: Answer[] = [];
        await putStock(database);
        for (const steps of rounds) {
          // Wait for all before a failure is thrown: a step still running would affect the next history.
          for (const result of await Promise.allSettled(steps.map((each) => act(database, each)))) {
            if (result.status === 'rejected') throw result.reason;
            answers.push(result.value);
          }
          expect(await findStockFaults(database, answers, OPENING)).toEqual([]);
        }
      });

      await checkHistories('test/integration/inventory/histories.test.ts', property, RUNS);
    },
    historyTimeoutMs(RUNS),
  );
});

async function putStock(database: Database): Promise<void> {
  await database.query('truncate reservation, stock_adjustment, product, outbox, inbox');
  await database.transaction(async (transaction) => {
    for (const [productId, initialOnHand] of Object.entries(OPENING)) {
      const unitPrice = { currencyCode: 'EUR', minorUnits: 100n };
      await putProduct(transaction, { productId, name: productId, unitPrice, initialOnHand }, new Date());
    }
  });
}

async function act(database: Database, step: Step): Promise<Answer> {
  const dependencies = inventoryOf(database);
  const ask = async (call: () => Promise<string>): Promise<Answer> => {
    try {
      return { step, reported: await call() };
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'failed_precondition') return { step, reported: error.reason };
      if (error instanceof DomainError && error.kind === 'not_found') return { step, reported: error.reason };
      throw error;
    }
  };
  switch (step.kind) {
    case 'reserve': {
      const lines = LINES[step.orderId].map((line) => ({ ...line, $typeName: 'shop.inventory.v1.StockLine' as const }));
      const request = { orderId: step.orderId, lines, synthetic: false };
      return await ask(async () => {
        const message = { $typeName: 'shop.inventory.v1.ReserveStockRequest', ...request } as const;
        const { reservation } = await reserveStock(dependencies, message, testCall());
        return ReservationStateSchema.value[reservation?.state ?? 0]?.localName ?? '';
      });
    }
    case 'confirm':
      return await ask(async () => {
        await confirmReservation(dependencies, {
          $typeName: 'shop.inventory.v1.ConfirmReservationRequest',
          orderId: step.orderId,
          reservationId: '',
        });
        return 'sold';
      });
    case 'release':
      return await ask(async () => {
        await releaseReservation(dependencies, {
          $typeName: 'shop.inventory.v1.ReleaseReservationRequest',
          orderId: step.orderId,
          reservationId: '',
        });
        return 'released';
      });
    case 'hear':
      return await ask(() => hear(database, step));
    case 'adjust':
      return await ask(async () => {
        const { key, productId, delta } = step;
        const request = { idempotencyKey: `key-${key}`, productId, delta };
        await adjustStock(dependencies, { $typeName: 'shop.inventory.v1.AdjustStockRequest', ...request }, testCall());
        return 'adjusted';
      });
  }
}

async function hear(database: Database, { orderId, eventId }: Extract<Step, { kind: 'hear' }>): Promise<string> {
  const items = LINES[orderId].map((line) => ({ ...line }));
  const payload = toBinary(
    OrderCreatedSchema,
    create(OrderCreatedSchema, { orderId, customerId: 'cust123', items, version: 1n }),
  );
  const [handler] = createInventorySubscriptions(inventoryOf(database)).flatMap(({ handlers }) => handlers);
  if (handler === undefined) throw new Error('inventory handles no event');
  const id = `0000000${eventId}-0000-4000-8000-00000000000${ORDERS.indexOf(orderId)}`;
  const event = { stream: 'SHOP_ORDER', id, subject: handler.subject, payload, headers: {} };
  const [isApplied] = await applyTogether(database, [prepareEvent(event, handler)]);
  return isApplied ? 'applied' : 'known';
}

function inventoryOf(database: Database): InventoryDependencies {
  return {
    database,
    log: silentLog,
    batches: createReservationBatches({ database, log: silentLog }),
    now: () => new Date(),
    newId: () => crypto.randomUUID(),
    syntheticCredential: undefined,
    wakeRelay: () => undefined,
  };
}
