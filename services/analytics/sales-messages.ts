// Mapping of sales to messages of the contract.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { RebuildState, SalesStep as StepNumber } from '#gen/shop/analytics/v1/analytics_pb.ts';
import type { OrderReason } from '#gen/shop/order/v1/order_pb.ts';
import type { Rebuild } from './generation-store.ts';
import type { Sales, SalesStep } from './sales.ts';

/** Maps sales to `shop.analytics.v1.SalesSummary`. */
export function toSummaryMessage(sales: Sales) {
  const countOf = (step: SalesStep): bigint => sales.steps.find((count) => count.step === step)?.orders ?? 0n;
  return {
    ordersCreated: countOf('CREATED'),
    ordersConfirmed: countOf('CONFIRMED'),
    ordersFailed: countOf('FAILED'),
    ordersCancelled: countOf('CANCELLED'),
    revenue: [...sales.revenue],
    products: sales.products.map(({ gross, ...product }) => ({ ...product, gross: [...gross] })),
    minutes: sales.minutes.map(({ minute, orders, revenue }) => ({
      minute: timestampFromDate(minute),
      ordersConfirmed: orders,
      revenue: [...revenue],
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

/** Maps a rebuild to `shop.analytics.v1.Rebuild`. */
export function toRebuildMessage({ startTime, finishTime }: Rebuild) {
  return {
    state: finishTime === undefined ? RebuildState.RUNNING : RebuildState.DONE,
    startTime: timestampFromDate(startTime),
    ...(finishTime === undefined ? {} : { finishTime: timestampFromDate(finishTime) }),
  };
}
