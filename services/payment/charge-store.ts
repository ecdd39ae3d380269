// The SQL of charges. Every change is one statement, which checks the version it is based on and stores its events with it.

import type { Money } from '../platform/base/money.ts';
import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertKeyedEvents } from '../platform/messaging/outbox.ts';
import { injectTrace } from '../platform/observability/tracing.ts';
import { createBatcher } from '../platform/storage/batcher.ts';
import type { Database } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import type { PruneRule } from '../platform/storage/pruner.ts';
import { joinSql, milliseconds, rawSql, type Sql, sql } from '../platform/storage/sql.ts';
import {
  type Charge,
  type KnownCharge,
  type StoredCharge,
  type StoredStatus,
  toCharge,
  toStoredStatus,
} from './charge.ts';

const UNIQUE_VIOLATION = '23505';
const MAX_CHECK_DELAY_MS = 300_000;

/** A requested payment, before the provider is called. */
export type Intent = {
  readonly orderId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly customerId: string;
  readonly amount: Money;
  readonly paymentMethod: string;
  readonly synthetic: boolean;
};

export type ChargeFilter = { readonly customerId: string; readonly orderId: string };

export type ChargeStore = {
  /** Stores a charge that is about to be attempted. Stores nothing and returns undefined when its order or key is taken. */
  insertIntent(intent: Intent): Promise<StoredCharge | undefined>;
  /** The charges of an order and of an idempotency key: none, one, or two different ones. */
  findKnown(orderId: string, idempotencyKey: string): Promise<KnownCharge[]>;
  find(orderId: string): Promise<StoredCharge | undefined>;
  /**
   * Records that a call to the provider may be in flight from now on. Returns undefined when none may be made: the charge is
   * decided, or a refund was requested.
   */
  extendCallWindow(orderId: string): Promise<StoredCharge | undefined>;
  /** Starts a new attempt; undefined when one was started since `attempt`, or when no call may be made. */
  startNewAttempt(orderId: string, attempt: number): Promise<StoredCharge | undefined>;
  /**
   * Records that a refund was requested; inserts a tombstone when the order has no charge. Stores nothing and returns undefined
   * when the key has refunded another order.
   */
  requestRefund(orderId: string, refundKey: string): Promise<StoredCharge | undefined>;
  /** Stores the next state with its events. Stores nothing and returns undefined when the charge was changed concurrently. */
  save(next: Charge, events: readonly OutgoingEvent[]): Promise<StoredCharge | undefined>;
  /** Claims at most `limit` charges that are due for the background; the delay until the next claim doubles each time. */
  claimDue(limit: number): Promise<StoredCharge[]>;
  /** Reads the page and one row more, newest first. */
  list(filter: ChargeFilter, page: Page): Promise<Charge[]>;
};

export type ChargeStoreOptions = {
  /** How long a call to the provider may be in flight. */
  readonly callMs: number;
  readonly settleAfterMs: number;
  /** How long the late capture of a voided charge is looked for. */
  readonly lateCaptureWindowMs: number;
};

type ChargeRow = {
  order_id: string;
  customer_id: string;
  currency_code: string;
  amount_minor: string | null;
  payment_method: string | null;
  status: StoredStatus;
  transaction_id: string;
  decline_code: string;
  decline_message: string;
  refund_key: string | null;
  request_hash: string | null;
  synthetic: boolean;
  version: number;
  attempt: number;
  intent_age_ms: number;
  call_window_ms: number;
  awaiting_late_capture: boolean;
  traceparent: string;
  create_time: Date;
  update_time: Date;
};

// An intent time in the future was stored before the clock was set back, so its age is unknown: it is treated as old, so that the
// settlement looks the charge up instead of retrying a key that the provider may have forgotten.
const COLUMNS =
  rawSql(`order_id, customer_id, currency_code, amount_minor, payment_method, status, transaction_id, decline_code,
  decline_message, refund_key, request_hash, synthetic, version, attempt, watch_until is not null as awaiting_late_capture,
  case when intent_time > now() + interval '1 minute' then 'infinity'
    else extract(epoch from now() - intent_time) * 1000 end::float8 as intent_age_ms,
  greatest(0, extract(epoch from call_until - now()) * 1000)::float8 as call_window_ms, traceparent, create_time, update_time`);

/** Creates the store; all times are the database's. */
export function createChargeStore(database: Database, options: ChargeStoreOptions): ChargeStore {
  const { callMs, settleAfterMs } = options;
  const insert = createBatcher<IntentRow, StoredCharge | undefined>({
    run: (rows) => insertIntents(database, rows, options),
    keyOf: ({ intent }) => intent.orderId,
  });
  const save = createBatcher<Change, StoredCharge | undefined>({
    run: (changes) => saveCharges(database, changes, options),
    keyOf: ({ next }) => next.orderId,
  });
  const queryOne = async (statement: Sql): Promise<StoredCharge | undefined> => {
    const [row] = await database.query<ChargeRow>(statement);
    return row && toStoredCharge(row);
  };

  return {
    insertIntent: (intent) => insert({ intent, traceparent: traceOfCall() }),

    findKnown: async (orderId, idempotencyKey) => {
      const rows = await database.query<ChargeRow>(
        sql`select ${COLUMNS} from charge where order_id = ${orderId} or idempotency_key = ${idempotencyKey}`,
      );
      return rows.map((row) => ({ stored: toStoredCharge(row), requestHash: row.request_hash ?? '' }));
    },

    find: (orderId) => queryOne(sql`select ${COLUMNS} from charge where order_id = ${orderId}`),

    extendCallWindow: (orderId) =>
      queryOne(
        sql`update charge set call_until = greatest(call_until, now() + ${milliseconds(callMs)})
          where order_id = ${orderId} and status = 'CHARGING' and refund_key is null returning ${COLUMNS}`,
      ),

    startNewAttempt: (orderId, attempt) =>
      queryOne(
        sql`update charge set attempt = attempt + 1, intent_time = now(), call_until = now() + ${milliseconds(callMs)}
          where order_id = ${orderId} and attempt = ${attempt} and status = 'CHARGING' and refund_key is null
          returning ${COLUMNS}`,
      ),

    requestRefund: async (orderId, refundKey) => {
      const request = () => queryOne(requestRefundSql(orderId, refundKey, settleAfterMs));
      try {
        return await request();
      } catch (error) {
        if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
        // A concurrent call stored the key, for this order or for another: a new statement sees which.
        return await request();
      }
    },

    save: (next, events) => save({ next, events }),

    claimDue: async (limit) => (await database.query<ChargeRow>(claimDueSql(limit, options))).map(toStoredCharge),

    list: async ({ customerId, orderId }, { size, after }) => {
      // Only the filters in use: a plan that holds for any filters reads every charge.
      const conditions = [sql`true`];
      if (customerId !== '') conditions.push(sql`customer_id = ${customerId}`);
      if (orderId !== '') conditions.push(sql`order_id = ${orderId}`);
      if (after !== undefined) {
        const [time, afterOrderId] = after;
        conditions.push(sql`(create_time, order_id) < (${time}::timestamptz, ${afterOrderId}::text)`);
      }
      const rows = await database.query<ChargeRow>(
        sql`select ${COLUMNS} from charge where ${joinSql(conditions, ' and ')}
          order by create_time desc, order_id desc limit ${size + 1}`,
      );
      return rows.map((row) => toStoredCharge(row).charge);
    },
  };
}

/** The rule by which synthetic charges are deleted. Refunded ones are kept: they are the tombstones that refuse a late charge. */
export function createChargePruneRule(syntheticRetentionMs: number): PruneRule {
  return {
    table: 'charge',
    time: 'update_time',
    windowMs: syntheticRetentionMs,
    where: `synthetic and status in ('COMPLETED', 'DECLINED')`,
  };
}

function requestRefundSql(orderId: string, refundKey: string, settleAfterMs: number): Sql {
  return sql`insert into charge (order_id, refund_key, status, synthetic, version, traceparent)
    select ${orderId}::text, ${refundKey}::text, 'REFUNDED', false, 1, ${traceOfCall()}::text
    where not exists (select from charge where refund_key = ${refundKey} and order_id <> ${orderId})
    on conflict (order_id) do update set
      refund_key = coalesce(charge.refund_key, excluded.refund_key),
      due_time = case when charge.status in ('CHARGING', 'COMPLETED')
        then least(charge.due_time, now() + ${milliseconds(settleAfterMs)}) else charge.due_time end
    returning ${COLUMNS}`;
}

type IntentRow = { readonly intent: Intent; readonly traceparent: string };

// Sorted by order: two replicas that insert the same orders wait for each other in one order.
async function insertIntents(
  database: Database,
  rows: readonly IntentRow[],
  { callMs, settleAfterMs }: ChargeStoreOptions,
): Promise<(StoredCharge | undefined)[]> {
  const intents = rows.map(({ intent }) => intent);
  const inserted = await database.query<ChargeRow>(
    sql`insert into charge (order_id, idempotency_key, request_hash, customer_id, currency_code, amount_minor, payment_method,
        status, synthetic, version, call_until, due_time, traceparent)
      select order_id, idempotency_key, request_hash, customer_id, currency_code, amount_minor, payment_method, 'CHARGING',
        synthetic, 1, now() + ${milliseconds(callMs)}, now() + ${milliseconds(settleAfterMs)}, traceparent
      from unnest(
        ${intents.map(({ orderId }) => orderId)}::text[], ${intents.map(({ idempotencyKey }) => idempotencyKey)}::text[],
        ${intents.map(({ requestHash }) => requestHash)}::text[], ${intents.map(({ customerId }) => customerId)}::text[],
        ${intents.map(({ amount }) => amount.currencyCode)}::text[], ${intents.map(({ amount }) => amount.minorUnits)}::bigint[],
        ${intents.map(({ paymentMethod }) => paymentMethod)}::text[], ${intents.map(({ synthetic }) => synthetic)}::boolean[],
        ${rows.map(({ traceparent }) => traceparent)}::text[]
      ) as intent (order_id, idempotency_key, request_hash, customer_id, currency_code, amount_minor, payment_method, synthetic,
        traceparent)
      order by order_id on conflict do nothing returning ${COLUMNS}`,
  );
  return inOrderOf(
    intents.map(({ orderId }) => orderId),
    inserted,
  );
}

type Change = { readonly next: Charge; readonly events: readonly OutgoingEvent[] };

// The background keeps a charge whose refund was requested during the call, and a voided one: both get a new due time. Rows are locked
// in the order of their ids, so that two of these statements cannot deadlock.
async function saveCharges(
  database: Database,
  changes: readonly Change[],
  { settleAfterMs, lateCaptureWindowMs }: ChargeStoreOptions,
): Promise<(StoredCharge | undefined)[]> {
  const charges = changes.map(({ next }) => next);
  const events = changes.flatMap(({ next, events }) => events.map((event) => ({ key: next.orderId, event })));
  const saved = await database.query<ChargeRow>(
    sql`with change as (
      select * from unnest(
        ${charges.map(({ orderId }) => orderId)}::text[], ${charges.map(({ version }) => version)}::int[],
        ${charges.map(({ status }) => toStoredStatus(status))}::text[], ${charges.map(({ status }) => status === 'VOIDED')}::boolean[],
        ${charges.map(({ transactionId }) => transactionId)}::text[], ${charges.map(({ declineCode }) => declineCode)}::text[],
        ${charges.map(({ declineMessage }) => declineMessage)}::text[]
      ) as change (order_id, version, status, is_voided, transaction_id, decline_code, decline_message)
    ), locked as materialized (
      select order_id from charge where order_id in (select order_id from change) order by order_id for update
    ), saved as (
      update charge set version = change.version, status = change.status, transaction_id = change.transaction_id,
        decline_code = change.decline_code, decline_message = change.decline_message, payment_method = null, update_time = now(),
        checks = 0,
        due_time = case when change.status = 'COMPLETED' and refund_key is not null or change.is_voided
          then now() + ${milliseconds(settleAfterMs)} end,
        watch_until = case when change.is_voided then now() + ${milliseconds(lateCaptureWindowMs)} end
      from change join locked on locked.order_id = change.order_id
      where charge.order_id = change.order_id and charge.version = change.version - 1
      returning charge.*
    ), events as (${insertKeyedEvents(events, sql`select order_id from saved`)})
    select ${COLUMNS} from saved`,
  );
  return inOrderOf(
    charges.map(({ orderId }) => orderId),
    saved,
  );
}

function inOrderOf(orderIds: readonly string[], rows: readonly ChargeRow[]): (StoredCharge | undefined)[] {
  const charges = new Map(rows.map((row) => [row.order_id, toStoredCharge(row)]));
  return orderIds.map((orderId) => charges.get(orderId));
}

// Claiming a row moves its due time forward, further with each check, so other replicas skip it.
// A call window that ends far ahead was stored before the clock was set back: it is shortened to that of a call made now.
function claimDueSql(limit: number, { settleAfterMs, callMs }: ChargeStoreOptions): Sql {
  const isDue = rawSql(isDueSql('due_time', Math.max(settleAfterMs, MAX_CHECK_DELAY_MS)));
  return sql`update charge set checks = checks + 1, due_time = case
        when watch_until < now() then null
        else now() + least(${milliseconds(MAX_CHECK_DELAY_MS)}, ${milliseconds(settleAfterMs)} * power(2, least(checks, 16)))
      end, call_until = case
        when call_until > now() + interval '10 minutes' then least(call_until, now() + ${milliseconds(callMs)})
        else call_until
      end
    where order_id = any (array (
      select order_id from charge where ${isDue} order by due_time limit ${limit} for update skip locked
    ))
    returning ${COLUMNS}`;
}

function traceOfCall(): string {
  return injectTrace().traceparent ?? '';
}

function toStoredCharge(row: ChargeRow): StoredCharge {
  return {
    charge: toCharge({
      orderId: row.order_id,
      customerId: row.customer_id,
      amount:
        row.amount_minor === null
          ? undefined
          : { currencyCode: row.currency_code, minorUnits: BigInt(row.amount_minor) },
      status: row.status,
      transactionId: row.transaction_id,
      declineCode: row.decline_code,
      declineMessage: row.decline_message,
      synthetic: row.synthetic,
      version: row.version,
      createTime: row.create_time,
      updateTime: row.update_time,
    }),
    paymentMethod: row.payment_method ?? '',
    refundRequested: row.refund_key !== null,
    attempt: row.attempt,
    intentAgeMs: row.intent_age_ms,
    callWindowMs: row.call_window_ms,
    awaitingLateCapture: row.awaiting_late_capture,
    traceparent: row.traceparent,
  };
}
