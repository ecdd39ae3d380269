// A history of confirmed orders, written by SQL: what the services would have stored for them over the last 29 days.
import { Client } from 'pg';

const SECONDS = 29 * 24 * 60 * 60;
const CUSTOMERS = 1_000;
/** A span that holds all of a history. */
export const MONTH_MS = 30 * 24 * 60 * 60 * 1_000;

// The orders, numbered from the newest, each with the time at which it was placed.
const HISTORY = `generate_series(1, $1::int) as n,
  lateral (select date_trunc('milliseconds', now() - n * interval '${SECONDS} seconds' / $1::int) as time) as made`;
const ITEMS = `jsonb_build_array(jsonb_build_object('product_id', 'history-product-' || n % 10, 'quantity', 1`;

/** How many events of an order each service receives. */
const RECEIVED = { order: 0, inventory: 0, payment: 0, notification: 1, analytics: 5 } as const;
/** How many events of an order each service publishes. */
const PUBLISHED = { order: 2, inventory: 1, payment: 1, notification: 1, analytics: 0 } as const;

export type FilledService = keyof typeof RECEIVED;

const FILLS: Readonly<Record<FilledService, readonly string[]>> = {
  order: [
    `insert into orders (order_id, customer_id, items, payment_method, currency_code, total_minor, pricing_version, status, verdict,
        reservation_id, transaction_id, synthetic, timeline, version, create_time, update_time, lease_until)
      select 'history-' || n, 'customer-' || n % ${CUSTOMERS}, ${ITEMS}, 'unit_price_minor', '5999')), '', 'EUR', 5999, 'v1', 'CONFIRMED', 'CONFIRM',
        gen_random_uuid()::text, 'ch_' || n, false,
        (select jsonb_agg(jsonb_build_object('step', step, 'state', 'DONE', 'time', time, 'detail', ''))
          from unnest(array['RESERVE_STOCK', 'PROCESS_PAYMENT', 'CONFIRM_RESERVATION']) as step),
        5, time, time, time from ${HISTORY}`,
    `insert into order_key (idempotency_key, request_hash, order_id, create_time)
      select gen_random_uuid()::text, md5(n::text), 'history-' || n, time from ${HISTORY}`,
  ],
  inventory: [
    `insert into reservation (order_id, reservation_id, state, lines, shortages, version, synthetic, create_time, update_time)
      select 'history-' || n, gen_random_uuid(), 'CONFIRMED', ${ITEMS})), '[]', 2, false, time, time from ${HISTORY}`,
  ],
  payment: [
    `insert into charge (order_id, idempotency_key, request_hash, customer_id, currency_code, amount_minor, status, transaction_id,
        synthetic, version, intent_time, call_until, create_time, update_time)
      select 'history-' || n, gen_random_uuid()::text, md5(n::text), 'customer-' || n % ${CUSTOMERS}, 'EUR', 5999, 'COMPLETED', 'ch_' || n,
        false, 2, time, time, time, time from ${HISTORY}`,
  ],
  notification: [
    `insert into notification (notification_id, order_id, customer_id, type, status, items, currency_code, total_minor, synthetic,
        version, next_try_time, attempts, create_time, send_time)
      select gen_random_uuid(), 'history-' || n, 'customer-' || n % ${CUSTOMERS}, 'ORDER_CONFIRMATION', 'SENT', ${ITEMS})), 'EUR', 5999, false,
        2, time, 1, time, time from ${HISTORY}`,
  ],
  analytics: [
    `insert into order_step (generation, order_id, step, time, synthetic, currency_code, total_minor)
      select 1, 'history-' || n, step, time, false, case when step = 'CONFIRMED' then 'EUR' end,
        case when step = 'CONFIRMED' then 5999 end
      from ${HISTORY}, unnest(array['CREATED', 'RESERVED', 'PAID', 'CONFIRMED', 'NOTIFIED']) as step`,
    `insert into sale_line (generation, order_id, product_id, time, quantity, currency_code, gross_minor)
      select 1, 'history-' || n, 'history-product-' || n % 10, time, 1, 'EUR', 5999 from ${HISTORY}`,
  ],
};

/** The id of the nth order of a history, from 1. */
export const orderIdOf = (n: number): string => `history-${n}`;
/** The customer of that order. */
export const customerOf = (n: number): string => `customer-${n % CUSTOMERS}`;

const INBOX = `insert into inbox (event_id, receive_time)
  select gen_random_uuid(), time from ${HISTORY}, generate_series(1, $2::int)`;
// Published events are kept for a day.
const OUTBOX = `insert into outbox (event_id, subject, payload, headers, create_time, sent_time)
  select gen_random_uuid(), 'shop.history.v1.Event', repeat('x', 120)::bytea, '{"ce-id": "history"}', time, time
  from ${HISTORY}, generate_series(1, $2::int) where time > now() - interval '1 day'`;

/**
 * Fills the database of a service with the history of so many orders, and updates the statistics of its tables. Rejects when `signal`
 * aborts: a statement may take minutes.
 */
export async function fillHistory(
  service: FilledService,
  databaseUrl: string,
  orders: number,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  // Ending the connection fails the statement that runs.
  const stop = (): void => void client.end();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (const fill of FILLS[service]) await client.query(fill, [orders]);
    await client.query(INBOX, [orders, RECEIVED[service]]);
    await client.query(OUTBOX, [orders, PUBLISHED[service]]);
    await client.query('vacuum analyze');
  } finally {
    signal.removeEventListener('abort', stop);
    await client.end();
  }
}
