// Fakes of inventory and payment for unit tests. Every call is a spy in front of an in-memory model of the contract, which answers
// a duplicate with the present state. `call.mockRejectedValueOnce(callFailure(...))` makes one call fail.
import { create } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { type Mock, vi } from 'vitest';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import {
  ConfirmReservationResponseSchema,
  type InventoryService,
  ReleaseReservationResponseSchema,
  ReserveStockResponseSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import {
  type PaymentService,
  ProcessPaymentResponseSchema,
  RefundPaymentResponseSchema,
} from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { Order } from '#services/order/order.ts';
import { runSaga, type SagaDependencies, type SagaResult } from '#services/order/order-saga.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import { createFakeOrderStore, type FakeOrderStore } from './fake-order-store.ts';
import { frozenDeadline, secondsLater, silentLog } from './order-builders.ts';

type Spied<Service, Name extends keyof Service> = {
  [Key in Name]: Mock<Extract<Service[Key], (...given: never[]) => unknown>>;
};

export type FakeInventory = Spied<
  Client<typeof InventoryService>,
  'reserveStock' | 'confirmReservation' | 'releaseReservation'
> & {
  stock: number;
  /** The states of the reservations, by order. */
  readonly reservations: Map<string, 'RESERVED' | 'REJECTED' | 'RELEASED' | 'CONFIRMED'>;
};

export type FakePayment = Spied<Client<typeof PaymentService>, 'processPayment' | 'refundPayment'> & {
  /** The message that charges are declined with; undefined accepts them. */
  decline: string | undefined;
  /** The states of the charges, by order. */
  readonly charges: Map<string, 'COMPLETED' | 'DECLINED' | 'REFUNDED'>;
  /** How often a customer was charged. */
  captures: number;
};

/** Creates an inventory with one product, and a payment whose provider accepts every card. */
function createFakeDependencies({ stock = 50 } = {}): { inventory: FakeInventory; payment: FakePayment } {
  return { inventory: createFakeInventory(stock), payment: createFakePayment() };
}

/** The error of a failed call to a dependency; `reason` is what the dependency names. */
export function callFailure(dependency: string, failure: CallFailure, reason = '', words?: string): DependencyError {
  return new DependencyError({ dependency, failure, reason, description: words });
}

export type FakeSaga = SagaDependencies & {
  readonly inventory: FakeInventory;
  readonly payment: FakePayment;
  readonly store: FakeOrderStore;
  readonly onChange: Mock<(order: Order, hasEnded: boolean) => void>;
  /** The saga's clock. */
  time: Date;
  /** Runs the saga on the stored order. */
  run(remainingMs?: number, attempts?: number): Promise<SagaResult>;
};

/** Creates the saga's dependencies, with a store that holds these orders. */
export function createFakeSaga(...orders: readonly Order[]): FakeSaga {
  const store = createFakeOrderStore(...orders);
  const saga: FakeSaga = {
    ...createFakeDependencies(),
    store,
    onChange: vi.fn(),
    orderLimitMs: 900_000,
    failingPaymentLimitMs: 60_000,
    syntheticHeaders: { 'x-synthetic-credential': 'the-credential' },
    time: secondsLater(10),
    now: () => saga.time,
    log: silentLog,
    run: (remainingMs = 2_500, attempts = 0) => runSaga(saga, store.current(), frozenDeadline(remainingMs), attempts),
  };
  return saga;
}

function createFakeInventory(stock: number): FakeInventory {
  const refuse = (reason: string) => callFailure('inventory', 'refused', reason, `refused: ${reason}`);
  const answer = (orderId: string) => ({
    reservationId: 'res123',
    orderId,
    state: ReservationState[inventory.reservations.get(orderId) ?? 'RELEASED'],
  });
  const reserved = new Map<string, number>();
  const inventory: FakeInventory = {
    stock,
    reservations: new Map(),
    reserveStock: vi.fn(async ({ orderId = '', lines = [] }) => {
      const wanted = lines.reduce((sum, line) => sum + (line.quantity ?? 0), 0);
      if (!inventory.reservations.has(orderId)) {
        inventory.reservations.set(orderId, wanted <= inventory.stock ? 'RESERVED' : 'REJECTED');
        reserved.set(orderId, wanted <= inventory.stock ? wanted : 0);
        inventory.stock -= reserved.get(orderId) ?? 0;
      }
      const state = inventory.reservations.get(orderId);
      if (state === 'REJECTED') throw refuse('INSUFFICIENT_STOCK');
      if (state === 'RELEASED') throw refuse('RESERVATION_RELEASED');
      return create(ReserveStockResponseSchema, { reservation: answer(orderId) });
    }),
    confirmReservation: vi.fn(async ({ orderId = '' }) => {
      const state = inventory.reservations.get(orderId);
      if (state !== 'RESERVED' && state !== 'CONFIRMED') throw refuse(`RESERVATION_${state ?? 'NOT_FOUND'}`);
      inventory.reservations.set(orderId, 'CONFIRMED');
      return create(ConfirmReservationResponseSchema, { reservation: answer(orderId) });
    }),
    releaseReservation: vi.fn(async ({ orderId = '' }) => {
      if (inventory.reservations.get(orderId) === 'CONFIRMED') throw refuse('RESERVATION_CONFIRMED');
      if (inventory.reservations.get(orderId) === 'RESERVED') inventory.stock += reserved.get(orderId) ?? 0;
      inventory.reservations.set(orderId, 'RELEASED');
      return create(ReleaseReservationResponseSchema, { reservation: answer(orderId) });
    }),
  };
  return inventory;
}

function createFakePayment(): FakePayment {
  const answer = (orderId: string) => {
    const status = payment.charges.get(orderId) ?? 'DECLINED';
    const transactionId = status === 'COMPLETED' ? 'ch_1' : '';
    return { orderId, transactionId, status: ChargeStatus[status], declineMessage: payment.decline ?? '' };
  };
  const payment: FakePayment = {
    decline: undefined,
    charges: new Map(),
    captures: 0,
    processPayment: vi.fn(async ({ orderId = '' }) => {
      if (!payment.charges.has(orderId)) {
        payment.charges.set(orderId, payment.decline === undefined ? 'COMPLETED' : 'DECLINED');
        if (payment.decline === undefined) payment.captures += 1;
      }
      return create(ProcessPaymentResponseSchema, { charge: answer(orderId) });
    }),
    refundPayment: vi.fn(async ({ orderId = '' }) => {
      if (payment.charges.get(orderId) !== 'DECLINED') payment.charges.set(orderId, 'REFUNDED');
      return create(RefundPaymentResponseSchema, { charge: answer(orderId) });
    }),
  };
  return payment;
}
