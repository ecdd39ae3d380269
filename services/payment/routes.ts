// RPC -> use case: the table of contents of the payment service. It consumes no events.
import type { ConnectRouter } from '@connectrpc/connect';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { ChargeStore } from './charge-store.ts';
import { listCharges } from './list-charges.ts';
import { type ProcessPaymentDependencies, processPayment } from './process-payment.ts';
import { type RefundPaymentDependencies, refundPayment } from './refund-payment.ts';

export type RouteDependencies = ProcessPaymentDependencies &
  RefundPaymentDependencies & { readonly store: ChargeStore };

/** Registers the RPCs. */
export function createPaymentRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  return (router) =>
    router.service(PaymentService, {
      processPayment: (request, context) =>
        processPayment(dependencies, request, context.signal, context.requestHeader),
      refundPayment: (request, context) => refundPayment(dependencies, request, context.signal),
      listCharges: (request) => listCharges(dependencies.store, request),
    });
}
