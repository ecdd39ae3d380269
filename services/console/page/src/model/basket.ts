// The basket of the page: how many of each product.

export type Basket = ReadonlyMap<string, number>;

const MOST = 99;

/** The basket with `change` more (or fewer) of a product, between none and 99 or what there is. */
export function changeBasket(basket: Basket, productId: string, change: number, available: number): Basket {
  const quantity = Math.min(Math.max(0, (basket.get(productId) ?? 0) + change), MOST, Math.max(0, available));
  const next = new Map(basket);
  if (quantity === 0) next.delete(productId);
  else next.set(productId, quantity);
  return next;
}

/** The part of shop.order.v1.CreateOrderItem that is sent, and the part of shop.order.v1.QuoteOrderItem that is sent. */
export type BasketItem = { readonly productId: string; readonly quantity: number };

/** The items of an order. */
export function itemsOf(basket: Basket): BasketItem[] {
  return [...basket].map(([productId, quantity]) => ({ productId, quantity }));
}

/** The payment methods of the fake provider, and what each does. */
export const PAYMENT_METHODS = [
  { method: 'pm_approved', label: 'Approved', effect: 'The money is captured at once.' },
  {
    method: 'pm_insufficient_funds',
    label: 'Insufficient funds',
    effect: 'Declined: the order fails, the stock is released.',
  },
  { method: 'pm_expired_card', label: 'Expired card', effect: 'Declined for another reason.' },
  {
    method: 'pm_provider_error',
    label: 'Provider error',
    effect: 'The provider fails: the order waits and is tried again.',
  },
  { method: 'pm_slow', label: 'Slow', effect: 'Slower than the deadline: the order waits, and is charged once.' },
] as const;
