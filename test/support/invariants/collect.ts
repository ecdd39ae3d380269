// The collection of the facts. Wait for quiescence first: the sources are read one by one, so pending work makes them disagree.
import { FIRST_CATALOGUE } from '#services/inventory/catalogue.ts';
import type { Money } from '#services/platform/base/money.ts';
import { readLedger, readMailbox } from './external-sources.ts';
import type {
  AcknowledgedOrder,
  ChargeFact,
  Facts,
  InvariantSources,
  MessagingFact,
  NotificationFact,
  OrderFact,
  Owner,
  ProductFact,
  ReservationFact,
  SaleFact,
  WrongSum,
} from './facts.ts';
import { findPendingWork } from './quiescence.ts';
import { type Query, readDatabase } from './sources.ts';
import { readStreams } from './streams.ts';

/** Facts that only the caller knows: the platform does not store them. */
export type CallerFacts = {
  /** The orders acknowledged to clients. */
  readonly acknowledged?: readonly AcknowledgedOrder[];
  /** The opening stock of products that the caller created, by product id. */
  readonly openingStock?: ReadonlyMap<string, number>;
};

type Priced = { currency_code: string; total_minor: string };
type Lines = { product_id: string; quantity: number }[];

/**
 * Collects all facts.
 *
 * @throws {SourceUnavailable} a source cannot be read; the message names it.
 */
export async function collectFacts(sources: InvariantSources, known: CallerFacts = {}): Promise<Facts> {
  const { databaseUrls, natsUrl, providerUrl, mailboxUrl } = sources;
  const pendingWork = await findPendingWork(sources);
  const read = <Result>(service: Owner, readRows: (query: Query) => Promise<Result>) =>
    readDatabase(service, databaseUrls[service], async (query) => ({
      ...(await readRows(query)),
      messaging: await readMessaging(query),
    }));
  const [order, inventory, payment, notification, analytics, ledger, mailbox, streams] = await Promise.all([
    read('order', readOrders),
    read('inventory', (query) => readStock(query, known.openingStock)),
    read('payment', readCharges),
    read('notification', readNotifications),
    read('analytics', async (query) => ({ ...(await readSales(query)), ...(await readWrongSums(query)) })),
    readLedger(providerUrl),
    mailboxUrl === undefined ? undefined : readMailbox(mailboxUrl),
    readStreams(natsUrl),
  ]);
  return {
    orders: order.orders,
    keys: order.keys,
    keysSince: order.keysSince,
    products: inventory.products,
    reservations: inventory.reservations,
    charges: payment.charges,
    notifications: notification.notifications,
    sales: analytics.sales,
    wrongSums: analytics.wrongSums,
    ledger,
    mailbox,
    streams,
    messaging: {
      order: order.messaging,
      inventory: inventory.messaging,
      payment: payment.messaging,
      notification: notification.messaging,
      analytics: analytics.messaging,
    },
    pendingWork,
    acknowledged: known.acknowledged ?? [],
  };
}

async function readOrders(query: Query) {
  const rows = await query<
    Priced & {
      order_id: string;
      customer_id: string;
      items: Lines;
      status: OrderFact['status'];
      reservation_id: string;
      transaction_id: string;
      synthetic: boolean;
      version: number;
      create_time: Date;
    }
  >(`select order_id, customer_id, items, currency_code, total_minor, status, reservation_id, transaction_id, synthetic,
       version, create_time from orders`);
  const orders = rows.map(
    (row): OrderFact => ({
      orderId: row.order_id,
      customerId: row.customer_id,
      items: toLines(row.items),
      total: toMoney(row),
      status: row.status,
      reservationId: row.reservation_id,
      transactionId: row.transaction_id,
      synthetic: row.synthetic,
      version: row.version,
      createTime: row.create_time,
    }),
  );
  const keys = await query<{ idempotencyKey: string; orderId: string }>(
    'select idempotency_key as "idempotencyKey", order_id as "orderId" from order_key',
  );
  // Keys are pruned after thirty days; one in its last hour may or may not exist.
  const [clock] = await query<{ time: Date }>("select now() - interval '30 days' + interval '1 hour' as time");
  return { orders, keys, keysSince: clock?.time ?? new Date(0) };
}

async function readStock(query: Query, openingStock: ReadonlyMap<string, number> = new Map()) {
  const seeds = await query<{ name: string }>('select name from catalogue_seed');
  const seeded = seeds.length === 0 ? [] : FIRST_CATALOGUE;
  const openings = new Map([
    ...seeded.map(({ productId, initialOnHand }) => [productId, initialOnHand] as const),
    ...openingStock,
  ]);
  const rows = await query<{
    product_id: string;
    on_hand: number;
    reserved: number;
    sold: string;
    version: string;
    adjusted: string;
  }>(`select product_id, on_hand, reserved, sold, version,
       (select coalesce(sum(delta), 0) from stock_adjustment where product_id = product.product_id) as adjusted
     from product`);
  const products = rows.map(
    (row): ProductFact => ({
      productId: row.product_id,
      onHand: row.on_hand,
      reserved: row.reserved,
      sold: Number(row.sold),
      version: Number(row.version),
      adjusted: Number(row.adjusted),
      opening: openings.get(row.product_id),
    }),
  );
  const held = await query<{
    order_id: string;
    reservation_id: string;
    state: ReservationFact['state'];
    lines: Lines;
    short: boolean;
    create_time: Date;
  }>(`select order_id, reservation_id::text, state, lines, shortages <> '[]' as short, create_time from reservation`);
  const reservations = held.map(
    (row): ReservationFact => ({
      orderId: row.order_id,
      reservationId: row.reservation_id,
      state: row.state,
      lines: toLines(row.lines),
      short: row.short,
      createTime: row.create_time,
    }),
  );
  return { products, reservations };
}

async function readCharges(query: Query) {
  const rows = await query<{
    order_id: string;
    status: ChargeFact['status'];
    transaction_id: string;
    currency_code: string;
    amount_minor: string | null;
    create_time: Date;
  }>('select order_id, status, transaction_id, currency_code, amount_minor, create_time from charge');
  const charges = rows.map(
    ({ currency_code, amount_minor, ...row }): ChargeFact => ({
      orderId: row.order_id,
      status: row.status,
      transactionId: row.transaction_id,
      amount: amount_minor === null ? undefined : toMoney({ currency_code, total_minor: amount_minor }),
      createTime: row.create_time,
    }),
  );
  return { charges };
}

async function readNotifications(query: Query) {
  const rows = await query<
    Priced & {
      notification_id: string;
      order_id: string;
      customer_id: string;
      status: NotificationFact['status'];
      create_time: Date;
      send_time: Date | null;
    }
  >(`select notification_id::text, order_id, customer_id, status, currency_code, total_minor, create_time, send_time
     from notification`);
  const notifications = rows.map(
    (row): NotificationFact => ({
      notificationId: row.notification_id,
      orderId: row.order_id,
      customerId: row.customer_id,
      status: row.status,
      total: toMoney(row),
      createTime: row.create_time,
      sendTime: row.send_time ?? undefined,
    }),
  );
  return { notifications };
}

async function readSales(query: Query) {
  const amountOf = (step: string): string =>
    `(jsonb_agg(jsonb_build_object('currency_code', currency_code, 'total_minor', total_minor::text)) filter (where step = '${step}')) -> 0`;
  const serving = "generation = (select generation from generation where state = 'SERVING')";
  type Row = { order_id: string; steps: string[]; synthetic: boolean; items: Lines };
  const rows = await query<Row & { total: Priced | null; refund: Priced | null }>(
    `select order_id, array_remove(array_agg(case when not synthetic then step end), null) as steps,
       bool_or(synthetic) as synthetic, 
       ${amountOf('CONFIRMED')} as total, ${amountOf('ORDER_REFUNDED')} as refund,
       (select coalesce(jsonb_agg(line), '[]') from (
         select product_id, quantity from sale_line where ${serving} and sale_line.order_id = order_step.order_id
       ) as line) as items
     from order_step where ${serving} group by order_id`,
  );
  const sales = rows.map(
    ({ order_id, steps, synthetic, total, refund, items }): SaleFact => ({
      orderId: order_id,
      steps,
      synthetic,
      total: total === null ? undefined : toMoney(total),
      refund: refund === null ? undefined : toMoney(refund),
      items: toLines(items),
    }),
  );
  return { sales };
}

async function readWrongSums(query: Query) {
  const name = (...parts: readonly string[]): string => `concat_ws(' ', ${parts.join(', ')})`;
  const step = name(
    "'orders'",
    'step',
    "case when synthetic then 'synthetic' end",
    'nullif(reason, 0)',
    "nullif(currency_code, '')",
  );
  const rows = await query<{ what: string; kept: string | null; rows: string | null }>(
    `with served as (select generation from generation where state = 'SERVING'),
     row_sum as (
       select ${step} as what, count(*)::numeric as amount from order_step natural join served group by 1
       union all
       select ${name("'revenue'", 'currency_code')}, sum(total_minor) from order_step natural join served
       where step = 'CONFIRMED' group by 1
       union all
       select ${name("'refunds'", 'currency_code')}, sum(total_minor) from order_step natural join served
       where step = 'ORDER_REFUNDED' group by 1
       union all
       select ${name("'quantity of'", 'product_id', 'currency_code')}, sum(quantity) from sale_line natural join served group by 1
       union all
       select ${name("'gross of'", 'product_id', 'currency_code')}, sum(gross_minor) from sale_line natural join served group by 1
       union all
       select 'sold minutes', count(distinct date_trunc('minute', time, 'UTC')) from order_step natural join served
       where step = 'CONFIRMED'
     ), kept_sum as (
       select unit, ${step} as what, sum(orders) as amount from step_sum natural join served group by 1, 2
       union all
       select unit, ${name("'revenue'", 'currency_code')}, sum(total_minor) from step_sum natural join served
       where step = 'CONFIRMED' group by 1, 2
       union all
       select unit, ${name("'refunds'", 'currency_code')}, sum(total_minor) from step_sum natural join served
       where step = 'ORDER_REFUNDED' group by 1, 2
       union all
       select unit, ${name("'quantity of'", 'product_id', 'currency_code')}, sum(quantity) from product_sum natural join served
       group by 1, 2
       union all
       select unit, ${name("'gross of'", 'product_id', 'currency_code')}, sum(gross_minor) from product_sum natural join served
       group by 1, 2
       union all
       select 'minute', 'sold minutes', count(*) from sold_minute natural join served
       union all
       select 'day', 'sold minutes', coalesce(sum(minutes), 0) from sold_day natural join served
     ), row_sum_of_unit as (
       select unit, what, amount from row_sum cross join unnest(array['minute', 'day']) as unit
     )
     select concat(unit, ': ', what) as what, kept_sum.amount::text as kept, row_sum_of_unit.amount::text as rows
     from row_sum_of_unit full join kept_sum using (unit, what)
     where row_sum_of_unit.amount is distinct from kept_sum.amount order by 1`,
  );
  const wrongSums = rows.map(
    (row): WrongSum => ({ what: row.what, kept: row.kept ?? undefined, rows: row.rows ?? undefined }),
  );
  return { wrongSums };
}

async function readMessaging(query: Query): Promise<MessagingFact> {
  const sent = await query<MessagingFact['sent'][number]>(
    `select event_id::text as "eventId", subject, sent_time as "sentTime" from outbox where sent_time is not null`,
  );
  const inbox = await query<{ id: string }>('select event_id::text as id from inbox');
  const deadLetters = await query<MessagingFact['deadLetters'][number]>(
    `select dead_letter_id::text as "deadLetterId", event_id as "eventId", subject, error from dead_letter order by create_time`,
  );
  return { sent, inbox: new Set(inbox.map(({ id }) => id)), deadLetters };
}

function toLines(lines: Lines) {
  return lines.map(({ product_id, quantity }) => ({ productId: product_id, quantity }));
}

function toMoney({ currency_code, total_minor }: Priced): Money {
  return { currencyCode: currency_code, minorUnits: BigInt(total_minor) };
}
