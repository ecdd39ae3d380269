// The calls whose time is measured with each history: every RPC, some with several kinds of request.
import type { DescService } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { CallOptions, Client } from '@connectrpc/connect';
import { AnalyticsService } from '../../../gen/shop/analytics/v1/analytics_service_pb.ts';
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { Journey } from '../../../gen/shop/monitor/v1/monitor_pb.ts';
import { MonitorService } from '../../../gen/shop/monitor/v1/monitor_service_pb.ts';
import { NotificationService } from '../../../gen/shop/notification/v1/notification_service_pb.ts';
import { OpsService } from '../../../gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '../../../gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '../../../gen/shop/payment/v1/payment_service_pb.ts';
import { dayOf } from '../../../services/analytics/sales.ts';
import { LAST_STEP_RESERVE_MS } from '../../../services/order/order-saga.ts';
import { pause } from '../../../services/platform/base/backoff.ts';
import { PLENTIFUL } from '../../chaos/soak/scenario.ts';
import type { StartedService } from '../orders/driver.ts';
import { DEAD_LETTER_SERVICE, deadLetterId } from './dead-letters.ts';
import { customerOf, MONTH_MS, orderIdOf } from './fill.ts';
import type { RpcCall } from './measure-rpcs.ts';

const CALL_MS = 10_000;
/** A replica reads its status ten times a second at most: calls that follow each other faster would measure the wait. */
const STATUS_PAUSE_MS = 25;

/** A server closes a connection on which streams are reset faster than this. */
const RESET_PAUSE_MS = 40;
/** Too short for the steps of an order, which is answered while it is pending. */
const PENDING_MS = LAST_STEP_RESERVE_MS;

const [PRODUCT] = PLENTIFUL;
const BASKET = [{ productId: PRODUCT, quantity: 1 }];
const METHOD = 'pm_approved';
const PRICE = { currencyCode: 'EUR', minorUnits: 5_999n };
/** Of one customer or order: longer histories would have longer pages. */
const ONE = { pageSize: 1 };
const SERVICES: readonly StartedService[] = ['order', 'inventory', 'payment', 'notification', 'analytics', 'monitor'];

export type RpcTarget = {
  readonly client: <Service extends DescService>(of: StartedService, service: Service) => Client<Service>;
  /** Orders in the history. */
  readonly orders: number;
  /** Requests of each kind, with those of the warm-up. */
  readonly requests: number;
  readonly signal: AbortSignal;
};

/** What the calls of each service share. */
type Shared = Pick<RpcTarget, 'client'> & {
  readonly options: CallOptions;
  /** Returns the number of an order of the history for the nth request, so that they are spread over all of it. */
  readonly pick: (n: number) => number;
};

/** Creates the calls, in the order in which they are to be made. */
export function createRpcCalls({ client, orders, requests, signal }: RpcTarget): RpcCall[] {
  const shared: Shared = {
    client,
    options: { timeoutMs: CALL_MS, signal },
    pick: (n) => 1 + Math.floor((n * orders) / requests),
  };
  return [
    ...callsOfOrder(shared),
    ...callsOfInventory(shared),
    ...callsOfPayment(shared),
    ...callsOfNotification(shared),
    ...callsOfMonitor(shared),
    ...callsOfOps(shared, signal),
    ...callsOfAnalytics(shared, signal),
  ];
}

function callsOfOrder({ client, options, pick }: Shared): RpcCall[] {
  const orders = client('order', OrderService);
  const ids: string[] = [];
  const place = async (n: number, use: string, timeoutMs = CALL_MS): Promise<void> => {
    const request = { idempotencyKey: `${use}-${n}`, customerId: `${use}-${n}`, items: BASKET, paymentMethod: METHOD };
    ids[n] = (await orders.createOrder(request, { ...options, timeoutMs })).order?.orderId ?? '';
  };
  const placed = (n: number) => ({ orderId: ids[n] ?? '' });
  return [
    { name: 'CreateOrder', send: (n) => place(n, 'create') },
    { name: 'GetOrder', send: (n) => orders.getOrder({ orderId: orderIdOf(pick(n)) }, options) },
    {
      name: 'ListOrders (a customer)',
      send: (n) => orders.listOrders({ customerId: customerOf(pick(n)), ...ONE }, options),
    },
    { name: 'ListOrders (all)', send: () => orders.listOrders({}, options) },
    { name: 'QuoteOrder', send: (n) => orders.quoteOrder({ customerId: customerOf(pick(n)), items: BASKET }, options) },
    // The order is final, so the first answer is the last one.
    { name: 'WatchOrder', send: (n) => readAll(orders.watchOrder({ orderId: orderIdOf(pick(n)) }, options)) },
    {
      name: 'CancelOrder',
      prepare: (n) => place(n, 'cancel', PENDING_MS),
      send: (n) => orders.cancelOrder(placed(n), options),
    },
    {
      name: 'RefundOrder',
      prepare: (n) => place(n, 'refund'),
      send: (n) => orders.refundOrder(placed(n), options),
    },
  ];
}

function callsOfInventory({ client, options }: Shared): RpcCall[] {
  const inventory = client('inventory', InventoryService);
  const productId = PRODUCT;
  const reserve = (orderId: string) => inventory.reserveStock({ orderId, lines: BASKET }, options);
  return [
    { name: 'CheckAvailability', send: () => inventory.checkAvailability({ productId }, options) },
    { name: 'GetProduct', send: () => inventory.getProduct({ productId }, options) },
    { name: 'ListProducts', send: () => inventory.listProducts({}, options) },
    {
      name: 'UpsertProduct',
      send: (n) => {
        const unitPrice = { ...PRICE, minorUnits: BigInt(1 + n) };
        return inventory.upsertProduct({ productId: 'growth-product', name: 'Growth', unitPrice }, options);
      },
    },
    {
      name: 'AdjustStock',
      send: (n) => inventory.adjustStock({ idempotencyKey: `adjust-${n}`, productId, delta: 1 }, options),
    },
    { name: 'ReserveStock', send: (n) => reserve(`reserve-${n}`) },
    {
      name: 'ConfirmReservation',
      prepare: (n) => reserve(`confirm-${n}`),
      send: (n) => inventory.confirmReservation({ orderId: `confirm-${n}` }, options),
    },
    {
      name: 'ReleaseReservation',
      prepare: (n) => reserve(`release-${n}`),
      send: (n) => inventory.releaseReservation({ orderId: `release-${n}` }, options),
    },
  ];
}

function callsOfPayment({ client, options, pick }: Shared): RpcCall[] {
  const payment = client('payment', PaymentService);
  const charge = (id: string) => {
    const request = { orderId: id, idempotencyKey: id, customerId: id, amount: PRICE, paymentMethod: METHOD };
    return payment.processPayment(request, options);
  };
  return [
    { name: 'ProcessPayment', send: (n) => charge(`charge-${n}`) },
    {
      name: 'RefundPayment',
      prepare: (n) => charge(`repay-${n}`),
      send: (n) => payment.refundPayment({ orderId: `repay-${n}`, idempotencyKey: `refund-${n}` }, options),
    },
    {
      name: 'ListCharges (a customer)',
      send: (n) => payment.listCharges({ customerId: customerOf(pick(n)), ...ONE }, options),
    },
    { name: 'ListCharges (an order)', send: (n) => payment.listCharges({ orderId: orderIdOf(pick(n)) }, options) },
    { name: 'ListCharges (all)', send: () => payment.listCharges({}, options) },
  ];
}

function callsOfNotification({ client, options, pick }: Shared): RpcCall[] {
  const { listNotifications } = client('notification', NotificationService);
  return [
    {
      name: 'ListNotifications (a customer)',
      send: (n) => listNotifications({ customerId: customerOf(pick(n)), ...ONE }, options),
    },
    { name: 'ListNotifications (an order)', send: (n) => listNotifications({ orderId: orderIdOf(pick(n)) }, options) },
    { name: 'ListNotifications (all)', send: () => listNotifications({}, options) },
  ];
}

function callsOfMonitor({ client, options }: Shared): RpcCall[] {
  const monitor = client('monitor', MonitorService);
  const run = (n: number, journey: Journey) =>
    monitor.runJourney({ idempotencyKey: `journey-${journey}-${n}`, journey }, options);
  return [
    { name: 'RunJourney (a quote)', send: (n) => run(n, Journey.QUOTE) },
    { name: 'RunJourney (an order)', send: (n) => run(n, Journey.ORDER) },
    { name: 'ListRuns', send: () => monitor.listRuns({}, options) },
  ];
}

function callsOfOps({ client, options }: Shared, signal: AbortSignal): RpcCall[] {
  const clients = SERVICES.map((service) => client(service, OpsService));
  const withLetters = client(DEAD_LETTER_SERVICE, OpsService);
  return [
    {
      name: 'GetStatus (each service in turn)',
      prepare: () => pause(STATUS_PAUSE_MS, signal),
      send: async (n) => await clients[n % clients.length]?.getStatus({}, options),
    },
    { name: 'ListDeadLetters', send: () => withLetters.listDeadLetters({}, options) },
    {
      name: 'ReplayDeadLetter',
      send: (n) => withLetters.replayDeadLetter({ deadLetterId: deadLetterId('replay', n) }, options),
    },
    {
      name: 'DiscardDeadLetter',
      send: (n) => withLetters.discardDeadLetter({ deadLetterId: deadLetterId('discard', n) }, options),
    },
  ];
}

function callsOfAnalytics({ client, options }: Shared, signal: AbortSignal): RpcCall[] {
  const analytics = client('analytics', AnalyticsService);
  const sum = (startMs: number) => analytics.getSalesSummary({ startTime: timestampFromMs(startMs) }, options);
  return [
    { name: 'GetSalesSummary (today)', send: () => sum(dayOf(new Date()).start.getTime()) },
    { name: 'GetSalesSummary (a month)', send: () => sum(Date.now() - MONTH_MS) },
    { name: 'GetSalesSummary (all)', send: () => analytics.getSalesSummary({}, options) },
    {
      name: 'WatchSales (first answer)',
      prepare: () => pause(RESET_PAUSE_MS, signal),
      send: () => first((stop) => analytics.watchSales({}, { ...options, signal: stop })),
    },
    // Last, because the rebuild that the first call starts takes processor time: the others return its progress.
    { name: 'RebuildSales (progress)', send: () => analytics.rebuildSales({ idempotencyKey: 'growth' }, options) },
  ];
}

async function readAll(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers);
}

// Takes the first message and ends the stream.
async function first(open: (stop: AbortSignal) => AsyncIterable<unknown>): Promise<void> {
  const stop = new AbortController();
  try {
    for await (const _ of open(stop.signal)) return;
  } finally {
    stop.abort();
  }
  throw new Error('the stream ended without an answer');
}
