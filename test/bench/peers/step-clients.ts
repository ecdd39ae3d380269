// The steps of an order as calls: of the minimal participant, or of this project's inventory and payment services. The clients are
// Connect's own over HTTP/2, as those of the order service.
import { type Client, Code, ConnectError, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { ChargeStatus } from '../../../gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '../../../gen/shop/payment/v1/payment_service_pb.ts';
import type { OrderSteps } from './order-steps.ts';
import { ParticipantService } from './participant/contract.ts';

const CALL_MS = 5_000;
const UNIT_PRICE_MINOR = 5_999;

/** The environment variables by which a process learns where the participants are. */
export type StepAddresses =
  | { readonly PARTICIPANT_URL: string }
  | { readonly INVENTORY_URL: string; readonly PAYMENT_URL: string; readonly ORDER_TOKEN: string };

/** @throws {Error} an address is missing. */
export function createSteps(environment: Readonly<Record<string, string | undefined>>): OrderSteps {
  const { PARTICIPANT_URL, INVENTORY_URL, PAYMENT_URL, ORDER_TOKEN } = environment;
  if (PARTICIPANT_URL !== undefined) {
    return stepsOfParticipant(createClient(ParticipantService, connectTo(PARTICIPANT_URL)));
  }
  if (INVENTORY_URL === undefined || PAYMENT_URL === undefined || ORDER_TOKEN === undefined) {
    throw new Error('PARTICIPANT_URL, or INVENTORY_URL, PAYMENT_URL and ORDER_TOKEN: not set');
  }
  return stepsOfServices(
    createClient(InventoryService, connectTo(INVENTORY_URL, ORDER_TOKEN)),
    createClient(PaymentService, connectTo(PAYMENT_URL, ORDER_TOKEN)),
  );
}

export function stepsOfParticipant(client: Client<typeof ParticipantService>): OrderSteps {
  const options = { timeoutMs: CALL_MS };
  return {
    reserve: async ({ orderId }) => (await client.reserve({ value: orderId }, options)).value,
    charge: async ({ orderId }) => (await client.charge({ value: orderId }, options)).value !== '',
    confirm: async ({ orderId }) => void (await client.confirm({ value: orderId }, options)),
    // Its charges are never declined.
    release: async () => undefined,
    notify: async ({ orderId }) => void (await client.notify({ value: orderId }, options)),
  };
}

function stepsOfServices(
  inventory: Client<typeof InventoryService>,
  payment: Client<typeof PaymentService>,
): OrderSteps {
  const options = { timeoutMs: CALL_MS };
  return {
    reserve: async ({ orderId, lines }) => {
      try {
        const { reservation } = await inventory.reserveStock({ orderId, lines: [...lines] }, options);
        return reservation?.reservationId;
      } catch (error) {
        // Not enough stock: no retry changes that.
        if (ConnectError.from(error).code === Code.FailedPrecondition) return undefined;
        throw error;
      }
    },
    charge: async ({ orderId, customerId, paymentMethod, lines }) => {
      const quantity = lines.reduce((sum, line) => sum + line.quantity, 0);
      const amount = { currencyCode: 'EUR', minorUnits: BigInt(quantity * UNIT_PRICE_MINOR) };
      const request = { orderId, idempotencyKey: `order:${orderId}`, customerId, amount, paymentMethod };
      const { charge } = await payment.processPayment(request, options);
      return charge?.status === ChargeStatus.COMPLETED;
    },
    confirm: async ({ orderId }, reservationId) =>
      void (await inventory.confirmReservation({ orderId, reservationId }, options)),
    release: async ({ orderId }, reservationId) =>
      void (await inventory.releaseReservation({ orderId, reservationId }, options)),
  };
}

function connectTo(baseUrl: string, token?: string): Transport {
  const showToken: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  const interceptors = token === undefined ? [] : [showToken];
  return createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: true, interceptors });
}
