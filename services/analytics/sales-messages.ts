// Mapping of sales to messages of the contract.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { RebuildState, SalesStep as StepNumber } from '#gen/shop/analytics/v1/analytics_pb.ts';
import type { OrderReason } from '#gen/shop/order/v1/order_pb.ts';
import { MAX_MINOR_UNITS, type Money } from '../platform/base/money.ts';
import type { Rebuild } from './generation-store.ts';
import type { Sales, SalesStep } from './sales.ts';

/** Maps sales to `shop.analytics.v1.SalesSummary`, whose sums end at the largest int64. */
export function toSummaryMessage(sales: Sales) {
  const countOf = (step: SalesStep): bigint => sales.steps.find((count) => count.step === step)?.orders ?? 0n;
  return {
    ordersCreated: countOf('CREATED'),
    ordersConfirmed: countOf('CONFIRMED'),
    ordersFailed: countOf('FAILED'),
    ordersCancelled: countOf('CANCELLED'),
    ordersRefunded: countOf('ORDER_REFUNDED'),
    revenue: sales.revenue.map(limitMoney),
    refunds: sales.refunds.map(limitMoney),
    products: sales.products.map(({ gross, quantity, ...product }) => ({
      ...product,
      quantity: limit(quantity),
      gross: gross.map(limitMoney),
    })),
    minutes: sales.minutes.map(({ minute, orders, revenue }) => ({
      minute: timestampFromDate(minute),
      ordersConfirmed: orders,
      revenue: revenue.map(limitMoney),
    })),
    // A reason that only a newer contract knows is passed on as its number.
    failures: sales.failures.map(({ reason, orders }) => ({ reason: reason as OrderReason, orders })),
    syntheticOrders: sales.syntheticOrders,
    steps: sales.steps.map(({ step, orders }) => ({ step: StepNumber[step], orders })),
    productsLeftOut: sales.productsLeftOut,
    minutesLeftOut: sales.minutesLeftOut,
    rebuilding: sales.rebuilding,
  };
}

function limitMoney({ currencyCode, minorUnits }: Money): Money {
  return { currencyCode, minorUnits: limit(minorUnits) };
}

// A larger number could not be sent, so that no summary of its span would ever be answered.
function limit(sum: bigint): bigint {
  return sum < MAX_MINOR_UNITS ? sum : MAX_MINOR_UNITS;
}

/** Maps a rebuild to `shop.analytics.v1.Rebuild`. */
export function toRebuildMessage({ startTime, finishTime }: Rebuild) {
  return {
    state: finishTime === undefined ? RebuildState.RUNNING : RebuildState.DONE,
    startTime: timestampFromDate(startTime),
    ...(finishTime === undefined ? {} : { finishTime: timestampFromDate(finishTime) }),
  };
}
