// What inventory answers and what it listens to: RPC to use case, event to handler.
import type { ConnectRouter } from '@connectrpc/connect';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { onEvent, type Subscription } from '../platform/messaging/event-handler.ts';
import { adjustStock } from './adjust-stock.ts';
import { checkAvailability } from './check-availability.ts';
import { confirmReservation } from './confirm-reservation.ts';
import type { InventoryDependencies } from './dependencies.ts';
import { getProduct } from './get-product.ts';
import { listProducts } from './list-products.ts';
import { onOrderCreated } from './on-order-created.ts';
import { releaseReservation } from './release-reservation.ts';
import { reserveStock } from './reserve-stock.ts';
import { upsertProduct } from './upsert-product.ts';

/** The RPCs. */
export function createInventoryRoutes(dependencies: InventoryDependencies): (router: ConnectRouter) => void {
  return (router) => {
    router.service(InventoryService, {
      checkAvailability: (request) => checkAvailability(dependencies, request),
      getProduct: (request) => getProduct(dependencies, request),
      listProducts: (request) => listProducts(dependencies, request),
      upsertProduct: (request) => upsertProduct(dependencies, request),
      adjustStock: (request) => adjustStock(dependencies, request),
      reserveStock: (request, context) => reserveStock(dependencies, request, context.requestHeader),
      confirmReservation: (request) => confirmReservation(dependencies, request),
      releaseReservation: (request) => releaseReservation(dependencies, request),
    });
  };
}

/** The events. Whatever else the order service publishes is none of inventory's business. */
export function createInventorySubscriptions(dependencies: InventoryDependencies): readonly Subscription[] {
  return [
    {
      producer: 'order',
      handlers: [onEvent(OrderCreatedSchema, (event, transaction) => onOrderCreated(dependencies, event, transaction))],
    },
  ];
}
