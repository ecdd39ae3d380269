// The routes of the payment service: RPC -> use case. It consumes no events.
import type { ConnectRouter } from '@connectrpc/connect';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { callOf } from '../platform/server/call.ts';
import { checkOf } from '../platform/server/request-rules.ts';
import type { ChargeStore } from './charge-store.ts';
import { listCharges, readPage } from './list-charges.ts';
import { type ProcessPaymentDependencies, processPayment } from './process-payment.ts';
import { type RefundPaymentDependencies, refundPayment } from './refund-payment.ts';

export type RouteDependencies = ProcessPaymentDependencies &
  RefundPaymentDependencies & { readonly store: ChargeStore };

/** What is checked of requests beside the rules of the contract. */
export const PAYMENT_CHECKS = [checkOf(PaymentService.method.listCharges, readPage)];

/** Registers the RPCs. */
export function createPaymentRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  return (router) =>
    router.service(PaymentService, {
      processPayment: (request, context) => processPayment(dependencies, request, callOf(context)),
      refundPayment: (request, context) => refundPayment(dependencies, request, callOf(context)),
      listCharges: (request) => listCharges(dependencies, request),
    });
}
