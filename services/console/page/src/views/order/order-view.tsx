// One order: its steps, charge, mail and items, live; cancel or refund.
import { toJson } from '@bufbuild/protobuf';
import { useMutation, useQuery } from '@connectrpc/connect-query';
import { NotificationStatus } from '#gen/shop/notification/v1/notification_pb.ts';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { type Order, OrderSchema, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { formatAmount } from '../../model/amounts.ts';
import { describeReason, type Tone } from '../../model/order-steps.ts';
import { addressOf } from '../../model/routes.ts';
import { formatTime } from '../../model/times.ts';
import { Badge, StatusBadge } from '../../parts/badge.tsx';
import { Card } from '../../parts/card.tsx';
import { ConfirmButton } from '../../parts/confirm-button.tsx';
import { Empty, Failure, Loading } from '../../parts/notice.tsx';
import { useOrder } from '../placed-order.tsx';
import { OrderEvents } from './order-events.tsx';
import { OrderLog } from './order-log.tsx';
import { OrderWaterfall } from './order-waterfall.tsx';

export function OrderView({ orderId, local }: { readonly orderId: string; readonly local: boolean }) {
  const { latest, error } = useOrder(orderId);
  const read = useQuery(OrderService.method.getOrder, { orderId });
  // The stream ends with the last change by itself; a refund comes after it.
  const order = newest(latest?.order, read.data?.order);
  return (
    <>
      <p className="back">
        <a href={addressOf({ view: 'orders' })}>← All orders</a>
      </p>
      {order === undefined && read.isPending && <Loading rows={6} />}
      {order === undefined && read.error && <Failure error={read.error} onRetry={() => void read.refetch()} />}
      {order !== undefined && error !== undefined && <Failure error={error} />}
      {order && <OrderDetail order={order} local={local} onChanged={() => void read.refetch()} />}
    </>
  );
}

function newest(one: Order | undefined, other: Order | undefined): Order | undefined {
  const timeOf = (order: Order | undefined) => order?.updateTime?.seconds ?? -1n;
  return timeOf(one) > timeOf(other) ? one : (other ?? one);
}

type OrderDetailProps = { readonly order: Order; readonly local: boolean; readonly onChanged: () => void };

function OrderDetail({ order, local, onChanged }: OrderDetailProps) {
  const reason = describeReason(order.reason);
  return (
    <>
      <div className="view-head">
        <div>
          <h1>
            Order <span className="mono">{order.orderId.slice(0, 8)}</span>
          </h1>
          <p className="muted">
            <StatusBadge status={order.status} /> {reason && `${reason} · `}
            {formatAmount(order.total)} · <bdi>{order.customerId}</bdi> · {formatTime(order.createTime, new Date())}
          </p>
        </div>
        <OrderActions order={order} onChanged={onChanged} />
      </div>
      <div className="columns">
        <OrderWaterfall order={order} local={local} />
        {local && <OrderEvents order={order} />}
        {local && <OrderLog orderId={order.orderId} />}
        <Items order={order} />
        <Charges order={order} />
        <Mails order={order} />
        <Card title="Facts">
          <dl className="facts">
            <dt>Order</dt>
            <dd className="mono">{order.orderId}</dd>
            <dt>Reservation</dt>
            <dd className="mono">{order.reservationId || 'none yet'}</dd>
            <dt>Transaction</dt>
            <dd className="mono">{order.transactionId || 'none yet'}</dd>
            <dt>Pricing</dt>
            <dd>{order.pricingVersion}</dd>
          </dl>
          <details>
            <summary>As JSON</summary>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keyboard. */}
            <pre className="json" tabIndex={0}>
              {JSON.stringify(toJson(OrderSchema, order), null, 2)}
            </pre>
          </details>
        </Card>
      </div>
    </>
  );
}

function OrderActions({ order, onChanged }: { readonly order: Order; readonly onChanged: () => void }) {
  const cancel = useMutation(OrderService.method.cancelOrder, { onSuccess: onChanged });
  const refund = useMutation(OrderService.method.refundOrder, { onSuccess: onChanged });
  const { orderId, status } = order;
  return (
    <div className="actions">
      {status === OrderStatus.PENDING && (
        <ConfirmButton
          label="Cancel order"
          question="Cancel this order?"
          consequence="Its stock is released, and what was charged is refunded."
          tone="danger"
          action={() => cancel.mutateAsync({ orderId })}
        />
      )}
      {status === OrderStatus.CONFIRMED && (
        <ConfirmButton
          label="Refund order"
          question="Refund this order?"
          consequence="The customer gets the money back. The stock stays sold."
          tone="danger"
          action={() => refund.mutateAsync({ orderId })}
        />
      )}
    </div>
  );
}

function Items({ order }: { readonly order: Order }) {
  return (
    <Card title="Items">
      <table className="table plain">
        <thead>
          <tr>
            <th scope="col">Product</th>
            <th scope="col" className="number">
              Quantity
            </th>
            <th scope="col" className="number">
              Price
            </th>
          </tr>
        </thead>
        <tbody>
          {order.items.map(({ productId, quantity, unitPrice }) => (
            <tr key={productId}>
              <th scope="row">{productId}</th>
              <td className="number">{quantity}</td>
              <td className="number">{formatAmount(unitPrice)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

type Labels = Readonly<Record<number, readonly [label: string, tone: Tone]>>;
const UNKNOWN = ['unknown', 'quiet'] as const;
const CHARGES: Labels = {
  [ChargeStatus.CHARGING]: ['charging', 'wait'],
  [ChargeStatus.COMPLETED]: ['captured', 'good'],
  [ChargeStatus.DECLINED]: ['declined', 'bad'],
  [ChargeStatus.REFUNDED]: ['refunded', 'quiet'],
};

function Charges({ order: { orderId } }: { readonly order: Order }) {
  const { data, error } = useQuery(PaymentService.method.listCharges, { orderId }, { refetchInterval: 2_000 });
  const [charge] = data?.charges ?? [];
  const [label, tone] = CHARGES[charge?.status ?? ChargeStatus.UNSPECIFIED] ?? UNKNOWN;
  return (
    <Card title="Charge" aside={charge && <Badge tone={tone}>{label}</Badge>}>
      {error && <Failure error={error} />}
      {data && !charge && <Empty>Nothing was charged yet.</Empty>}
      {charge && (
        <dl className="facts">
          <dt>Amount</dt>
          <dd>{formatAmount(charge.amount)}</dd>
          <dt>Transaction</dt>
          <dd className="mono">{charge.transactionId || 'none'}</dd>
          <dt>Changed</dt>
          <dd>{formatTime(charge.updateTime, new Date())}</dd>
          {charge.declineMessage && <dt>Declined</dt>}
          {charge.declineMessage && <dd>{charge.declineMessage}</dd>}
        </dl>
      )}
    </Card>
  );
}

const MAILS: Labels = {
  [NotificationStatus.PENDING]: ['waiting', 'wait'],
  [NotificationStatus.SENT]: ['sent', 'good'],
  [NotificationStatus.SUPPRESSED]: ['suppressed', 'quiet'],
};

function Mails({ order: { orderId } }: { readonly order: Order }) {
  const { data, error } = useQuery(
    NotificationService.method.listNotifications,
    { orderId },
    { refetchInterval: 2_000 },
  );
  const [mail] = data?.notifications ?? [];
  const [label, tone] = MAILS[mail?.status ?? NotificationStatus.UNSPECIFIED] ?? UNKNOWN;
  return (
    <Card title="Mail" aside={mail && <Badge tone={tone}>{label}</Badge>}>
      {error && <Failure error={error} />}
      {data && !mail && <Empty>No mail yet: it follows the confirmation.</Empty>}
      {mail && (
        <dl className="facts">
          <dt>Message-ID</dt>
          <dd className="mono">{mail.messageId || 'none'}</dd>
          <dt>Sent</dt>
          <dd>{formatTime(mail.sendTime, new Date())}</dd>
        </dl>
      )}
    </Card>
  );
}
