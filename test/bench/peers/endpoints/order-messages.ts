// The messages of CreateOrder, as every measured system takes and answers them.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { OrderStatus } from '../../../../gen/shop/order/v1/order_pb.ts';
import {
  type CreateOrderRequest,
  CreateOrderResponse_Outcome,
  CreateOrderResponseSchema,
} from '../../../../gen/shop/order/v1/order_service_pb.ts';
import type { OrderOutcome, PlacedOrder } from '../order-steps.ts';

/** The idempotency key is the id of the order. */
export function toPlacedOrder(request: CreateOrderRequest): PlacedOrder {
  const { idempotencyKey, customerId, paymentMethod, items } = request;
  const lines = items.map(({ productId, quantity }) => ({ productId, quantity }));
  return { orderId: idempotencyKey, customerId, paymentMethod, lines };
}

export function toResponse(orderId: string, outcome: OrderOutcome) {
  const answer: MessageInitShape<typeof CreateOrderResponseSchema> = {
    order: { orderId, status: OrderStatus[outcome] },
    outcome: CreateOrderResponse_Outcome[outcome],
  };
  return create(CreateOrderResponseSchema, answer);
}
