// Place an order: products, a payment method that says what it does, the quote, and what became of the order.
import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { useState } from 'react';
import type { Product } from '#gen/shop/inventory/v1/inventory_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { formatAmount } from '../model/amounts.ts';
import { type Basket, changeBasket } from '../model/basket.ts';
import { Empty, Failure, Loading } from '../parts/notice.tsx';
import { Checkout } from './checkout.tsx';

/** Only synthetic orders may have it. */
const TEST_PRODUCT = 'test-product';

export function ShopView() {
  const [basket, setBasket] = useState<Basket>(new Map());
  const products = useQuery(
    InventoryService.method.listProducts,
    { pageSize: 100 },
    { refetchInterval: 2_000, placeholderData: keepPreviousData },
  );
  const shown = (products.data?.products ?? []).filter(({ productId }) => productId !== TEST_PRODUCT);
  const change = (product: Product, by: number) =>
    setBasket((known) => changeBasket(known, product.productId, by, product.available));
  return (
    <>
      <div className="view-head">
        <div>
          <h1>Place an order</h1>
          <p className="muted">Choose products, pay, and watch the order go through the services.</p>
        </div>
      </div>
      <div className="shop">
        <section aria-label="Products">
          {products.error && <Failure error={products.error} onRetry={() => void products.refetch()} />}
          {products.isPending && <Loading rows={6} />}
          {products.data && shown.length === 0 && <Empty>There are no products yet.</Empty>}
          <ul className="products">
            {shown.map((product) => (
              <ProductCard
                key={product.productId}
                product={product}
                quantity={basket.get(product.productId) ?? 0}
                onChange={(by) => change(product, by)}
              />
            ))}
          </ul>
        </section>
        <Checkout basket={basket} products={shown} onOrdered={() => setBasket(new Map())} />
      </div>
    </>
  );
}

type ProductCardProps = {
  readonly product: Product;
  readonly quantity: number;
  readonly onChange: (by: number) => void;
};

function ProductCard({ product, quantity, onChange }: ProductCardProps) {
  const { name, unitPrice, available, productId } = product;
  const title = name || productId;
  return (
    <li className={`product ${quantity > 0 ? 'chosen' : ''}`}>
      <div className="product-text">
        <h3>{title}</h3>
        <p className="product-price">{formatAmount(unitPrice)}</p>
        <p className={available > 0 ? 'muted' : 'bad-text'}>{available > 0 ? `${available} in stock` : 'Sold out'}</p>
      </div>
      {quantity === 0 ? (
        <button
          type="button"
          className="button"
          disabled={available <= 0}
          aria-label={`Add ${title}`}
          onClick={() => onChange(1)}
        >
          Add
        </button>
      ) : (
        <div className="stepper">
          <button type="button" aria-label={`One less of ${title}`} onClick={() => onChange(-1)}>
            −
          </button>
          <output aria-label={`Quantity of ${title}`}>{quantity}</output>
          <button type="button" aria-label={`One more of ${title}`} onClick={() => onChange(1)}>
            +
          </button>
        </div>
      )}
    </li>
  );
}
