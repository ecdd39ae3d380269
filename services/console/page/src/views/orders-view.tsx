// All orders, latest first, live on the first page.
import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { type Order, OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { formatAmount } from '../model/amounts.ts';
import { describeReason } from '../model/order-steps.ts';
import { addressOf } from '../model/routes.ts';
import { formatAge } from '../model/times.ts';
import { StatusBadge } from '../parts/badge.tsx';
import { Empty, Failure, Loading } from '../parts/notice.tsx';
import { TableFrame } from '../parts/table-frame.tsx';
import { useNow } from '../use-now.ts';

const PAGE_SIZE = 25;
const FILTERS = [
  { label: 'All', status: OrderStatus.UNSPECIFIED },
  { label: 'Pending', status: OrderStatus.PENDING },
  { label: 'Confirmed', status: OrderStatus.CONFIRMED },
  { label: 'Failed', status: OrderStatus.FAILED },
  { label: 'Cancelled', status: OrderStatus.CANCELLED },
  { label: 'Refunded', status: OrderStatus.REFUNDED },
];

export function OrdersView() {
  const [status, setStatus] = useState<OrderStatus>(OrderStatus.UNSPECIFIED);
  const [customerId, setCustomerId] = useState('');
  /** The tokens of the pages before this one and of this one. */
  const [pages, setPages] = useState<readonly string[]>(['']);
  const orders = useQuery(
    OrderService.method.listOrders,
    { status, customerId, pageSize: PAGE_SIZE, pageToken: pages.at(-1) ?? '' },
    { refetchInterval: pages.length === 1 ? 1_500 : 10_000, placeholderData: keepPreviousData },
  );
  const filter = (change: () => void) => {
    change();
    setPages(['']);
  };
  const next = orders.data?.nextPageToken ?? '';
  return (
    <>
      <div className="view-head">
        <div>
          <h1>Orders</h1>
          <p className="muted">{pages.length === 1 ? 'Latest first, live.' : `Page ${pages.length}.`}</p>
        </div>
        <OrderSearch onCustomer={(id) => filter(() => setCustomerId(id))} />
      </div>
      <fieldset className="filters" aria-label="Status">
        {FILTERS.map(({ label, status: wanted }) => (
          <button
            key={label}
            type="button"
            className="filter"
            aria-pressed={wanted === status}
            onClick={() => filter(() => setStatus(wanted))}
          >
            {label}
          </button>
        ))}
        {customerId && (
          <button type="button" className="filter" aria-pressed onClick={() => filter(() => setCustomerId(''))}>
            Customer {customerId} ✕
          </button>
        )}
      </fieldset>
      {orders.error && <Failure error={orders.error} onRetry={() => void orders.refetch()} />}
      {orders.isPending && <Loading rows={8} />}
      {orders.data && <OrderTable orders={orders.data.orders} />}
      <div className="actions end">
        <button
          type="button"
          className="button"
          disabled={pages.length === 1}
          onClick={() => setPages(pages.slice(0, -1))}
        >
          Newer
        </button>
        <button type="button" className="button" disabled={next === ''} onClick={() => setPages([...pages, next])}>
          Older
        </button>
      </div>
    </>
  );
}

const ORDER_ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/i;

/** An order's id opens the order; anything else is a customer. */
function OrderSearch({ onCustomer }: { readonly onCustomer: (customerId: string) => void }) {
  const [text, setText] = useState('');
  const search = (event: FormEvent) => {
    event.preventDefault();
    const wanted = text.trim();
    if (ORDER_ID.test(wanted)) window.location.hash = addressOf({ view: 'orders', id: wanted });
    else onCustomer(wanted);
  };
  return (
    <search>
      <form className="search" onSubmit={search}>
        <input
          type="search"
          value={text}
          aria-label="Customer or order id"
          placeholder="Customer or order id"
          onChange={({ target }) => setText(target.value)}
        />
        <button type="submit" className="button">
          Find
        </button>
      </form>
    </search>
  );
}

function OrderTable({ orders }: { readonly orders: readonly Order[] }) {
  const now = useNow();
  if (orders.length === 0) {
    return (
      <Empty>
        No orders here yet. <a href={addressOf({ view: 'shop' })}>Place one</a>.
      </Empty>
    );
  }
  return (
    <TableFrame label="Table of orders">
      <table className="table orders">
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col">Status</th>
            <th scope="col">Customer</th>
            <th scope="col" className="number">
              Items
            </th>
            <th scope="col" className="number">
              Total
            </th>
            <th scope="col" className="number">
              Placed
            </th>
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <OrderRow key={order.orderId} order={order} now={now} />
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function OrderRow({ order, now }: { readonly order: Order; readonly now: number }) {
  const { orderId, customerId, status, items, total, createTime, reason, synthetic } = order;
  return (
    <tr>
      <th scope="row">
        <a href={addressOf({ view: 'orders', id: orderId })} className="mono">
          {orderId.slice(0, 8)}
        </a>
        {synthetic && <span className="tag">synthetic</span>}
      </th>
      <td>
        <StatusBadge status={status} /> <span className="muted reason">{describeReason(reason)}</span>
      </td>
      <td className="cut">
        <bdi>{customerId}</bdi>
      </td>
      <td className="number">{items.reduce((sum, { quantity }) => sum + quantity, 0)}</td>
      <td className="number">{formatAmount(total)}</td>
      <td className="number muted">{formatAge(createTime, now)}</td>
    </tr>
  );
}
