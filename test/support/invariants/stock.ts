// The invariants of stock: on hand, reserved and sold add up, for each product and each order. Pure.
import { sameLines } from '#services/inventory/reservation.ts';
import type { Line, ProductFact } from './facts.ts';
import { type FactView, type Finding, type Invariant, sumBy, type Violation } from './finding.ts';

export const STOCK_INVARIANTS: readonly Invariant[] = [
  {
    name: 'stock-sound',
    promise: 'on hand = available + reserved, and none of them is negative',
    find: findUnsoundStock,
  },
  {
    name: 'stock-reserved',
    promise: 'the reserved stock of a product = the quantities of its open reservations',
    find: findReservedStock,
  },
  {
    name: 'stock-sold',
    promise: 'the sold stock of a product = the quantities of confirmed and refunded orders',
    find: findSoldStock,
  },
  {
    name: 'stock-conserved',
    promise: 'on hand + sold = opening stock + adjustments',
    find: findLostStock,
  },
  {
    name: 'stock-confirmed',
    promise: 'every confirmed or refunded order has its own confirmed reservation, with the ordered lines',
    find: findUnconfirmedStock,
  },
];

function findUnsoundStock({ products }: FactView): Finding {
  const violations = products.flatMap((product) => {
    const { productId, onHand, reserved, sold } = product;
    if (Math.min(onHand, reserved, onHand - reserved, sold) >= 0) return [];
    return [
      {
        id: productId,
        detail: `on hand ${onHand}, reserved ${reserved}, available ${onHand - reserved}, sold ${sold}`,
      },
    ];
  });
  const counts = {
    products: products.length,
    'on hand': sum(products, 'onHand'),
    reserved: sum(products, 'reserved'),
    available: sum(products, 'onHand') - sum(products, 'reserved'),
  };
  return { counts, violations };
}

function findReservedStock({ products, reservations }: FactView): Finding {
  const open = reservations.filter(({ state }) => state === 'RESERVED');
  const held = sumLines(open.flatMap(({ lines }) => lines));
  const violations = compare(products, held, 'reserved', 'open reservations hold');
  const counts = { products: products.length, reserved: sum(products, 'reserved'), 'open reservations': open.length };
  return { counts, violations };
}

// Synthetic orders are left out: confirming one puts its stock back, and sells nothing.
function findSoldStock({ products, sold }: FactView): Finding {
  const taken = sumLines(sold.flatMap(({ items }) => items));
  const counts = { products: products.length, sold: sum(products, 'sold'), 'sold orders': sold.length };
  return { counts, violations: compare(products, taken, 'sold', 'confirmed and refunded orders have') };
}

function findLostStock({ products }: FactView): Finding {
  const known = products.filter(({ opening }) => opening !== undefined);
  const violations = known.flatMap(({ productId, opening = 0, adjusted, onHand, sold }) =>
    opening + adjusted === onHand + sold
      ? []
      : [
          {
            id: productId,
            detail: `opening ${opening} and adjusted ${adjusted}, but on hand ${onHand} and sold ${sold}`,
          },
        ],
  );
  const counts = {
    'products with known opening stock': known.length,
    'of products': products.length,
    adjusted: sum(known, 'adjusted'),
  };
  return { counts, violations };
}

function findUnconfirmedStock({ sold, reservations }: FactView): Finding {
  const reservationOf = new Map(reservations.map((reservation) => [reservation.orderId, reservation]));
  const violations: Violation[] = [];
  for (const { orderId, reservationId, items } of sold) {
    const found = reservationOf.get(orderId);
    if (found?.state !== 'CONFIRMED') {
      violations.push({ id: orderId, detail: `its reservation is ${found?.state ?? 'unknown'}` });
    } else if (found.reservationId !== reservationId) {
      violations.push({
        id: orderId,
        detail: `inventory has ${found.reservationId}, the order ${reservationId || 'none'}`,
      });
    } else if (!sameLines(found.lines, items))
      violations.push({ id: orderId, detail: 'its reservation has other lines' });
  }
  const confirmed = reservations.filter(({ state }) => state === 'CONFIRMED').length;
  return { counts: { 'sold orders': sold.length, 'confirmed reservations': confirmed }, violations };
}

function compare(
  products: readonly ProductFact[],
  wanted: ReadonlyMap<string, number>,
  column: 'reserved' | 'sold',
  verb: string,
): Violation[] {
  const present = new Map(products.map((product) => [product.productId, product[column]]));
  return [...new Set([...present.keys(), ...wanted.keys()])].flatMap((productId) => {
    const [have, want] = [present.get(productId), wanted.get(productId) ?? 0];
    return have === want ? [] : [{ id: productId, detail: `${column} ${have ?? 'unknown'}, ${verb} ${want}` }];
  });
}

function sumLines(lines: readonly Line[]): Map<string, number> {
  return sumBy(lines.map(({ productId, quantity }) => [productId, quantity] as const));
}

function sum(products: readonly ProductFact[], column: 'onHand' | 'reserved' | 'sold' | 'adjusted'): number {
  return products.reduce((total, product) => total + product[column], 0);
}
