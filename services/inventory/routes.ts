// The routes of the inventory service: RPC -> use case, event -> handler.
import type { ConnectRouter } from '@connectrpc/connect';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { onEvents, type Subscription } from '../platform/messaging/event-handler.ts';
import { callOf } from '../platform/server/call.ts';
import { checkOf } from '../platform/server/request-rules.ts';
import { adjustStock } from './adjust-stock.ts';
import { checkAvailability } from './check-availability.ts';
import { confirmReservation } from './confirm-reservation.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { getProduct } from './get-product.ts';
import { listProducts, readPage } from './list-products.ts';
import { readOrderCreated, reserveForEvents, validateOrderCreated } from './on-order-created.ts';
import { releaseReservation } from './release-reservation.ts';
import { validateReserveRequest } from './reserve-lines.ts';
import { reserveStock } from './reserve-stock.ts';
import { upsertProduct } from './upsert-product.ts';

/** What is checked of requests beside the rules of the contract. */
export const INVENTORY_CHECKS = [
  checkOf(InventoryService.method.listProducts, readPage),
  checkOf(InventoryService.method.reserveStock, (request, validation) =>
    validateReserveRequest(request, 'lines', validation),
  ),
];

/** Registers the RPCs. */
export function createInventoryRoutes(dependencies: InventoryDependencies): (router: ConnectRouter) => void {
  return (router) => {
    router.service(InventoryService, {
      checkAvailability: (request) => checkAvailability(dependencies, request),
      getProduct: (request) => getProduct(dependencies, request),
      listProducts: (request) => listProducts(dependencies, request),
      upsertProduct: (request) => upsertProduct(dependencies, request),
      adjustStock: (request, context) => adjustStock(dependencies, request, callOf(context)),
      reserveStock: (request, context) => reserveStock(dependencies, request, callOf(context)),
      confirmReservation: (request) => confirmReservation(dependencies, request),
      releaseReservation: (request) => releaseReservation(dependencies, request),
    });
  };
}

/** Lists the events consumed. */
export function createInventorySubscriptions(dependencies: InventoryDependencies): readonly Subscription[] {
  return [
    {
      producer: 'order',
      handlers: [
        onEvents(
          OrderCreatedSchema,
          (event) => readOrderCreated(dependencies, event),
          (intents, transaction) => reserveForEvents(dependencies, intents, transaction),
          { check: validateOrderCreated },
        ),
      ],
    },
  ];
}
