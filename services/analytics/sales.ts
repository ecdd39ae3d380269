// The sales projection: its steps, and the summary built from rows of sums. Pure.
import { type Money, multiplyMoney } from '../platform/base/money.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** The steps of an order's journey, in its order. */
export const SALES_STEPS = [
  'CREATED',
  'RESERVED',
  'SHORT',
  'PAID',
  'DECLINED',
  'CONFIRMED',
  'NOTIFIED',
  'FAILED',
  'CANCELLED',
  'RELEASED',
  'REFUNDED',
  'ORDER_REFUNDED',
] as const;
export type SalesStep = (typeof SALES_STEPS)[number];

/** The services whose events report sales, and the steps that each reports. */
export const STEPS_OF_PRODUCER = {
  order: ['CREATED', 'CONFIRMED', 'FAILED', 'CANCELLED', 'ORDER_REFUNDED'],
  inventory: ['RESERVED', 'SHORT', 'RELEASED'],
  payment: ['PAID', 'DECLINED', 'REFUNDED'],
  notification: ['NOTIFIED'],
} as const satisfies Record<string, readonly SalesStep[]>;
export type Producer = keyof typeof STEPS_OF_PRODUCER;
export const PRODUCERS = Object.keys(STEPS_OF_PRODUCER) as readonly Producer[];

/** A step of an order. */
export type StepTaken = {
  readonly orderId: string;
  readonly step: SalesStep;
  readonly time: Date;
  readonly synthetic: boolean;
};

/** A product of an order: its quantity, and its price before discounts. */
export type SoldLine = { readonly productId: string; readonly quantity: number; readonly gross: Money };

/** A span of time, its end excluded; an open side is undefined. */
export type Span = { readonly start: Date | undefined; readonly end: Date | undefined };

/** The sums of the store: one row per key and currency, in the order of the response. */
export type SalesRows = {
  readonly steps: readonly { readonly step: string; readonly orders: bigint }[];
  readonly syntheticOrders: bigint;
  readonly revenue: readonly Money[];
  readonly refunds: readonly Money[];
  readonly minutes: readonly { readonly minute: Date; readonly orders: bigint; readonly revenue: Money }[];
  readonly minuteCount: bigint;
  readonly products: readonly {
    readonly productId: string;
    readonly name: string;
    readonly quantity: bigint;
    readonly gross: Money;
  }[];
  readonly productCount: bigint;
  readonly failures: readonly { readonly reason: number; readonly orders: bigint }[];
  readonly rebuilding: boolean;
};

export type MinuteSales = { readonly minute: Date; readonly orders: bigint; readonly revenue: readonly Money[] };
export type ProductSales = {
  readonly productId: string;
  readonly name: string;
  readonly quantity: bigint;
  readonly gross: readonly Money[];
};

/** The sales of a time span. */
export type Sales = Pick<SalesRows, 'syntheticOrders' | 'revenue' | 'refunds' | 'failures' | 'rebuilding'> & {
  /** Every step, in the order of the journey. */
  readonly steps: readonly { readonly step: SalesStep; readonly orders: bigint }[];
  readonly minutes: readonly MinuteSales[];
  readonly minutesLeftOut: bigint;
  readonly products: readonly ProductSales[];
  readonly productsLeftOut: bigint;
};

/** Returns whether a step is stored: of a synthetic order only its creation. */
export function isKept({ step, synthetic }: StepTaken): boolean {
  return !synthetic || step === 'CREATED';
}

/**
 * Returns the lines of a sale, each product once.
 * @throws {RangeError} when a product has prices in two currencies.
 */
export function toSoldLines(
  items: readonly { readonly productId: string; readonly quantity: number; readonly unitPrice: Money }[],
): SoldLine[] {
  const lines = new Map<string, SoldLine>();
  for (const { productId, quantity, unitPrice } of items) {
    const gross = multiplyMoney(unitPrice, quantity);
    const before = lines.get(productId);
    if (before !== undefined && before.gross.currencyCode !== gross.currencyCode) {
      throw new RangeError(`${productId} is sold in ${before.gross.currencyCode} and in ${gross.currencyCode}`);
    }
    lines.set(productId, {
      productId,
      quantity: quantity + (before?.quantity ?? 0),
      gross: { ...gross, minorUnits: gross.minorUnits + (before?.gross.minorUnits ?? 0n) },
    });
  }
  return [...lines.values()];
}

/** A range of time in milliseconds since 1970, its end excluded; an open side is infinite. */
export type Range = { readonly startMs: number; readonly endMs: number };

/**
 * Splits a span into its whole UTC days, its other whole minutes, and the rest: before and after those. `soldMinutes` are all whole
 * minutes. A range may be empty.
 */
export function splitSpan({ start, end }: Span): {
  readonly days: Range;
  readonly minutes: readonly [Range, Range];
  readonly rows: readonly [Range, Range];
  readonly soldMinutes: Range;
} {
  const all = { startMs: start?.getTime() ?? -Infinity, endMs: end?.getTime() ?? Infinity };
  const [before, minutes, after] = splitRange(all, MINUTE_MS);
  const [minutesBefore, days, minutesAfter] = splitRange(minutes, DAY_MS);
  return { days, minutes: [minutesBefore, minutesAfter], rows: [before, after], soldMinutes: minutes };
}

/** Splits a range into the whole units in it, and what is before and after them. */
function splitRange({ startMs, endMs }: Range, unitMs: number): [Range, Range, Range] {
  // Within the range, also when it contains no whole unit: then all of it is before.
  const wholeStartMs = Math.min(Math.ceil(startMs / unitMs) * unitMs, endMs);
  const wholeEndMs = Math.max(Math.floor(endMs / unitMs) * unitMs, wholeStartMs);
  return [
    { startMs, endMs: wholeStartMs },
    { startMs: wholeStartMs, endMs: wholeEndMs },
    { startMs: wholeEndMs, endMs },
  ];
}

/** Returns the UTC day of `now`. */
export function dayOf(now: Date): { readonly start: Date; readonly end: Date } {
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  return { start: new Date(Date.UTC(year, month, day)), end: new Date(Date.UTC(year, month, day + 1)) };
}

/** Builds the summary. Rows of one minute or product in several currencies become one entry. */
export function summarizeSales(rows: SalesRows): Sales {
  const orders = new Map(rows.steps.map((row) => [row.step, row.orders]));
  const minutes = gather(
    rows.minutes,
    ({ minute }) => minute.getTime(),
    ({ minute, revenue, ...row }, before?: MinuteSales): MinuteSales => ({
      minute,
      orders: row.orders + (before?.orders ?? 0n),
      revenue: [...(before?.revenue ?? []), revenue],
    }),
  );
  const products = gather(
    rows.products,
    ({ productId }) => productId,
    ({ gross, quantity, ...row }, before?: ProductSales): ProductSales => ({
      ...row,
      quantity: quantity + (before?.quantity ?? 0n),
      gross: [...(before?.gross ?? []), gross],
    }),
  );
  return {
    steps: SALES_STEPS.map((step) => ({ step, orders: orders.get(step) ?? 0n })),
    syntheticOrders: rows.syntheticOrders,
    revenue: rows.revenue,
    refunds: rows.refunds,
    minutes,
    minutesLeftOut: rows.minuteCount - BigInt(minutes.length),
    products,
    productsLeftOut: rows.productCount - BigInt(products.length),
    failures: rows.failures,
    rebuilding: rows.rebuilding,
  };
}

function gather<Row, Entry>(
  rows: readonly Row[],
  keyOf: (row: Row) => string | number,
  merge: (row: Row, before?: Entry) => Entry,
): Entry[] {
  const entries = new Map<string | number, Entry>();
  for (const row of rows) entries.set(keyOf(row), merge(row, entries.get(keyOf(row))));
  return [...entries.values()];
}
