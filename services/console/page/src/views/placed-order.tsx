// The order that was just placed, followed until it is settled.
import { createClient } from '@connectrpc/connect';
import type { Order } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService, CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { formatAmount } from '../model/amounts.ts';
import { describeReason, isOpen } from '../model/order-steps.ts';
import { addressOf } from '../model/routes.ts';
import { StatusBadge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { transport } from '../transports.ts';
import { useStream } from '../use-stream.ts';
import { Steps } from './steps.tsx';

const client = createClient(OrderService, transport);
const OUTCOMES: Partial<Record<Outcome, string>> = {
  [Outcome.PENDING]: 'The order is accepted and goes on in the background.',
  [Outcome.CIRCUIT_OPEN]: 'A circuit breaker is open: the order is accepted and waits.',
  [Outcome.TIMEOUT]: 'The payment takes longer than the deadline: the order is accepted and settled once.',
};

/** Follows an order by WatchOrder. */
export function useOrder(orderId: string) {
  return useStream(
    orderId,
    (signal) => client.watchOrder({ orderId }, { signal }),
    ({ order }) => order !== undefined && !isOpen(order.status),
  );
}

export function PlacedOrder({ placed, outcome }: { readonly placed: Order; readonly outcome: Outcome }) {
  const order = useOrder(placed.orderId).latest?.order ?? placed;
  const text = isOpen(order.status) ? OUTCOMES[outcome] : undefined;
  return (
    <Card title="Order placed" aside={<StatusBadge status={order.status} />}>
      <div role="status">
        <p>
          {formatAmount(order.total)} · <a href={addressOf({ view: 'orders', id: order.orderId })}>Show the order</a>
        </p>
        {text && <p className="muted">{text}</p>}
        {describeReason(order.reason) && <p className="muted">Reason: {describeReason(order.reason)}</p>}
      </div>
      <Steps timeline={order.timeline} compact />
    </Card>
  );
}
