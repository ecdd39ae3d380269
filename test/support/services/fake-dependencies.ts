// Fakes of inventory and payment for unit tests: every call is a spy, and behind it is as much as the contract promises, repeats
// answered with the present state included. `call.mockRejectedValueOnce(callFailure(...))` makes one call fail.
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
  /** The states that reservations are in, by order. */
  readonly reservations: Map<string, 'RESERVED' | 'REJECTED' | 'RELEASED' | 'CONFIRMED'>;
};

export type FakePayment = Spied<Client<typeof PaymentService>, 'processPayment' | 'refundPayment'> & {
  /** What the customer is told instead of being charged. */
  decline: string | undefined;
  /** The states that charges are in, by order. */
  readonly charges: Map<string, 'COMPLETED' | 'DECLINED' | 'REFUNDED'>;
  /** How often money was taken from the customer. */
  captures: number;
};

/** Makes an inventory with one product and a payment whose provider takes every card. */
function createFakeNeighbours({ stock = 50 } = {}): { inventory: FakeInventory; payment: FakePayment } {
  return { inventory: createFakeInventory(stock), payment: createFakePayment() };
}

/** How a call to a neighbour fails; `reason` is that of a refusal. */
export function callFailure(dependency: string, failure: CallFailure, reason = '', words?: string): DependencyError {
  return new DependencyError({ dependency, failure, reason, description: words });
}

export type FakeSaga = SagaDependencies & {
  readonly inventory: FakeInventory;
  readonly payment: FakePayment;
  readonly store: FakeOrderStore;
  readonly changed: Mock<(order: Order, hasEnded: boolean) => void>;
  /** What time it is for the saga. */
  time: Date;
  /** Runs the saga on the order as it is stored. */
  run(remainingMs?: number, attempts?: number): Promise<SagaResult>;
};

/** Makes everything the saga needs, around these stored orders. */
export function createFakeSaga(...orders: readonly Order[]): FakeSaga {
  const store = createFakeOrderStore(...orders);
  const saga: FakeSaga = {
    ...createFakeNeighbours(),
    store,
    changed: vi.fn(),
    orderLimitMs: 900_000,
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
  const held = new Map<string, number>();
  const inventory: FakeInventory = {
    stock,
    reservations: new Map(),
    reserveStock: vi.fn(async ({ orderId = '', lines = [] }) => {
      const wanted = lines.reduce((sum, line) => sum + (line.quantity ?? 0), 0);
      if (!inventory.reservations.has(orderId)) {
        inventory.reservations.set(orderId, wanted <= inventory.stock ? 'RESERVED' : 'REJECTED');
        held.set(orderId, wanted <= inventory.stock ? wanted : 0);
        inventory.stock -= held.get(orderId) ?? 0;
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
      if (inventory.reservations.get(orderId) === 'RESERVED') inventory.stock += held.get(orderId) ?? 0;
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
