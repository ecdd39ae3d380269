// In-memory models of inventory and payment, behind calls that may be lost, late or failed.
import { create } from '@bufbuild/protobuf';
import { ReservationState } from '#gen/shop/inventory/v1/inventory_pb.ts';
import {
  ConfirmReservationResponseSchema,
  ReleaseReservationResponseSchema,
  ReserveStockResponseSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { ProcessPaymentResponseSchema, RefundPaymentResponseSchema } from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { SagaDependencies } from '#services/order/order-saga.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import type { Turn } from '../../support/histories.ts';
import type { CallFate } from './history.ts';

const STOCK = 10;

export type Held = { state: 'RESERVED' | 'REJECTED' | 'RELEASED' | 'CONFIRMED'; readonly quantity: number };
export type Charged = { state: 'COMPLETED' | 'DECLINED' | 'REFUNDED'; captured: bigint; refunded: bigint };

/** The state of the dependencies, shared by all callers. */
export type World = {
  stock: number;
  confirmed: number;
  readonly reservations: Map<string, Held>;
  readonly charges: Map<string, Charged>;
  /** Calls that timed out and have not arrived yet. */
  readonly late: (() => void)[];
  /** Reserves by the event of an order, unless its reservation is settled. */
  onOrderCreated(orderId: string, quantity: number): void;
  /** The dependencies as one caller reaches them: each call takes a turn, and has the next fate. */
  clients(turn: Turn, nextFate: () => CallFate): Pick<SagaDependencies, 'inventory' | 'payment'>;
};

/** Creates a world with ten units in stock and no charges. */
export function createWorld(): World {
  const reservations = new Map<string, Held>();
  const charges = new Map<string, Charged>();
  const world: World = {
    stock: STOCK,
    confirmed: 0,
    reservations,
    charges,
    late: [],
    onOrderCreated: (orderId, quantity) => {
      if (reservations.has(orderId)) return;
      const enough = quantity <= world.stock;
      if (enough) world.stock -= quantity;
      reservations.set(orderId, { state: enough ? 'RESERVED' : 'REJECTED', quantity });
    },
    clients: (turn, nextFate) => ({
      inventory: reachInventory(world, reach('inventory', world, turn, nextFate)),
      payment: reachPayment(world, reach('payment', world, turn, nextFate)),
    }),
  };
  return world;
}

type Reach = <Answer>(effect: () => Answer) => Promise<Answer>;

function reach(dependency: string, world: World, turn: Turn, nextFate: () => CallFate): Reach {
  const fail = (failure: CallFailure): never => {
    throw new DependencyError({ dependency, failure });
  };
  return (effect) =>
    turn(async () => {
      switch (nextFate()) {
        case 'answered':
          return effect();
        case 'request_lost':
          return fail('timeout');
        case 'answer_lost':
          swallowRefusal(effect);
          return fail('timeout');
        case 'late':
          world.late.push(() => swallowRefusal(effect));
          return fail('timeout');
        case 'internal_before':
          return fail('internal');
        case 'internal_after':
          swallowRefusal(effect);
          return fail('internal');
        case 'request_corrupted':
          return fail('not_understood');
        case 'answer_corrupted':
          swallowRefusal(effect);
          return fail('unreadable');
        case 'unreachable':
          return fail('unreachable');
        case 'circuit_open':
          return fail('circuit_open');
      }
    });
}

/** Runs the effect of a call whose answer is lost, even if it is a refusal. */
function swallowRefusal(effect: () => unknown): void {
  try {
    effect();
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error;
  }
}

function reachInventory(world: World, call: Reach): SagaDependencies['inventory'] {
  const { reservations } = world;
  const refuse = (reason: string): never => {
    throw new DependencyError({ dependency: 'inventory', failure: 'refused', reason, description: reason });
  };
  const answer = (orderId: string, { state }: Held) => ({
    reservationId: `reservation-${orderId}`,
    orderId,
    state: ReservationState[state],
  });
  return {
    reserveStock: ({ orderId = '', lines = [] }) =>
      call(() => {
        world.onOrderCreated(orderId, lines[0]?.quantity ?? 0);
        const held = reservations.get(orderId);
        if (held === undefined || held.state === 'REJECTED') return refuse('INSUFFICIENT_STOCK');
        if (held.state === 'RELEASED') return refuse('RESERVATION_RELEASED');
        return create(ReserveStockResponseSchema, { reservation: answer(orderId, held) });
      }),
    confirmReservation: ({ orderId = '' }) =>
      call(() => {
        const held = reservations.get(orderId);
        if (held === undefined) return refuse('RESERVATION_NOT_FOUND');
        if (held.state === 'RELEASED' || held.state === 'REJECTED') return refuse(`RESERVATION_${held.state}`);
        if (held.state === 'RESERVED') world.confirmed += held.quantity;
        held.state = 'CONFIRMED';
        return create(ConfirmReservationResponseSchema, { reservation: answer(orderId, held) });
      }),
    releaseReservation: ({ orderId = '' }) =>
      call(() => {
        const held = reservations.get(orderId) ?? { state: 'RELEASED', quantity: 0 };
        reservations.set(orderId, held);
        if (held.state === 'CONFIRMED') return refuse('RESERVATION_CONFIRMED');
        if (held.state === 'RESERVED') world.stock += held.quantity;
        held.state = 'RELEASED';
        return create(ReleaseReservationResponseSchema, { reservation: answer(orderId, held) });
      }),
  };
}

function reachPayment({ charges }: World, call: Reach): SagaDependencies['payment'] {
  const answer = (orderId: string, { state }: Charged) => ({
    orderId,
    status: ChargeStatus[state],
    transactionId: state === 'COMPLETED' ? `charge-${orderId}` : '',
    declineMessage: state === 'DECLINED' ? 'Insufficient funds' : '',
  });
  return {
    processPayment: ({ orderId = '', amount, paymentMethod }) =>
      call(() => {
        const isDeclined = paymentMethod === 'pm_declined';
        const charged: Charged = charges.get(orderId) ?? {
          state: isDeclined ? 'DECLINED' : 'COMPLETED',
          captured: isDeclined ? 0n : (amount?.minorUnits ?? 0n),
          refunded: 0n,
        };
        charges.set(orderId, charged);
        return create(ProcessPaymentResponseSchema, { charge: answer(orderId, charged) });
      }),
    refundPayment: ({ orderId = '' }) =>
      call(() => {
        const charged: Charged = charges.get(orderId) ?? { state: 'REFUNDED', captured: 0n, refunded: 0n };
        charges.set(orderId, charged);
        if (charged.state === 'COMPLETED') {
          charged.state = 'REFUNDED';
          charged.refunded = charged.captured;
        }
        return create(RefundPaymentResponseSchema, { charge: answer(orderId, charged) });
      }),
  };
}
