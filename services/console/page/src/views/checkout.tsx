// The basket beside the products: quote, payment method, order.
import { useMutation, useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { useEffect, useId, useRef, useState } from 'react';
import type { Product } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { OrderService, QuoteLine_Availability } from '#gen/shop/order/v1/order_service_pb.ts';
import { formatAmount } from '../model/amounts.ts';
import { type Basket, itemsOf, PAYMENT_METHODS } from '../model/basket.ts';
import { Card } from '../parts/card.tsx';
import { Failure } from '../parts/notice.tsx';
import { PlacedOrder } from './placed-order.tsx';

const CUSTOMER = 'cust123';

export type CheckoutProps = {
  readonly basket: Basket;
  readonly products: readonly Product[];
  readonly onOrdered: () => void;
};

export function Checkout({ basket, products, onOrdered }: CheckoutProps) {
  const [method, setMethod] = useState<string>(PAYMENT_METHODS[0].method);
  const [customerId, setCustomerId] = useState(CUSTOMER);
  const customerField = useId();
  // One key for each basket: a second click or a repeated call places no second order.
  const key = useRef(crypto.randomUUID());
  const items = itemsOf(basket);
  const content = JSON.stringify([items, method, customerId]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another content is another order.
  useEffect(() => {
    key.current = crypto.randomUUID();
  }, [content]);
  const order = useMutation(OrderService.method.createOrder, { onSuccess: onOrdered });
  const place = () => order.mutate({ idempotencyKey: key.current, customerId, items, paymentMethod: method });
  return (
    <div className="checkout">
      <Card title="Your order">
        {items.length === 0 && !order.data && <p className="muted">Add a product to begin.</p>}
        {items.length > 0 && <Quote basket={basket} products={products} customerId={customerId} />}
        <MethodChoice method={method} onChange={setMethod} />
        <div className="field">
          <label htmlFor={customerField}>Customer</label>
          <input
            id={customerField}
            value={customerId}
            maxLength={128}
            onChange={({ target }) => setCustomerId(target.value)}
          />
        </div>
        {order.error && <Failure error={order.error} />}
        <button
          type="button"
          className="button primary wide"
          disabled={items.length === 0 || order.isPending}
          onClick={place}
        >
          {order.isPending ? 'Ordering…' : 'Place order'}
        </button>
      </Card>
      {order.data?.order && (
        <PlacedOrder key={order.data.order.orderId} placed={order.data.order} outcome={order.data.outcome} />
      )}
    </div>
  );
}

type QuoteProps = { readonly basket: Basket; readonly products: readonly Product[]; readonly customerId: string };

function Quote({ basket, products, customerId }: QuoteProps) {
  const quote = useQuery(
    OrderService.method.quoteOrder,
    { customerId: customerId || CUSTOMER, items: itemsOf(basket) },
    { placeholderData: keepPreviousData },
  );
  if (quote.error) return <Failure error={quote.error} onRetry={() => void quote.refetch()} />;
  const nameOf = (id: string) => products.find(({ productId }) => productId === id)?.name || id;
  return (
    <table className="quote">
      <caption className="visually-hidden">What the order costs</caption>
      <tbody>
        {(quote.data?.lines ?? []).map(({ productId, quantity, amount, availability }) => (
          <tr key={productId}>
            <th scope="row">
              {quantity} × {nameOf(productId)}
              {availability === QuoteLine_Availability.SHORT && (
                <span className="bad-text"> (not enough in stock)</span>
              )}
            </th>
            <td>{formatAmount(amount)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">Total</th>
          <td>{formatAmount(quote.data?.total)}</td>
        </tr>
      </tfoot>
    </table>
  );
}

type MethodChoiceProps = { readonly method: string; readonly onChange: (method: string) => void };

function MethodChoice({ method, onChange }: MethodChoiceProps) {
  const group = useId();
  return (
    <fieldset className="methods">
      <legend>Payment method</legend>
      {PAYMENT_METHODS.map((known) => (
        <label key={known.method} className={known.method === method ? 'chosen' : ''}>
          <input
            type="radio"
            name={group}
            value={known.method}
            checked={known.method === method}
            onChange={() => onChange(known.method)}
          />
          <span>
            <strong>{known.label}</strong>
            <span className="muted">{known.effect}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
