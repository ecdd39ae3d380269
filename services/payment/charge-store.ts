// All SQL about charges. Every change is one statement, which checks what it was made from and stores its events with it.

import type { Money } from '../platform/base/money.ts';
import type { OutgoingEvent } from '../platform/messaging/event.ts';
import { insertOutboxSql, outboxValues } from '../platform/messaging/outbox.ts';
import { injectTrace } from '../platform/observability/tracing.ts';
import type { Database } from '../platform/storage/database.ts';
import { isDueSql } from '../platform/storage/due-time.ts';
import type { Page } from '../platform/storage/page.ts';
import type { Charge, ChargeStatus, KnownCharge, StoredCharge } from './charge.ts';

const UNIQUE_VIOLATION = '23505';
const MAX_CHECK_DELAY_MS = 300_000;

/** A payment as it is first asked for. */
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
  /** Stores an open charge, about to be called for. Returns undefined, having stored nothing, when its order or key is taken. */
  insertIntent(intent: Intent): Promise<StoredCharge | undefined>;
  /** The charges of an order and of an idempotency key: none, one, or two different ones. */
  findKnown(orderId: string, idempotencyKey: string): Promise<KnownCharge[]>;
  find(orderId: string): Promise<StoredCharge | undefined>;
  /** Announces a call to the provider. Returns undefined when none may be made: it is decided, or a refund was asked for. */
  announceCall(orderId: string): Promise<StoredCharge | undefined>;
  /** Starts a new attempt, about to be called for, unless one was started since `attempt` or no call may be made. */
  renewIntent(orderId: string, attempt: number): Promise<StoredCharge | undefined>;
  /**
   * Notes that a refund was asked for; with no charge there, stores one that can never be made. Returns undefined, having
   * stored nothing, when the key has refunded another order.
   */
  requestRefund(orderId: string, refundKey: string): Promise<StoredCharge | undefined>;
  /** Stores the next state with its events. Returns undefined, having stored nothing, when the charge changed meanwhile. */
  save(next: Charge, events: readonly OutgoingEvent[]): Promise<StoredCharge | undefined>;
  /** The charges the background has to look at now, at most `limit`; each comes back later and later while it stays open. */
  claimDue(limit: number): Promise<StoredCharge[]>;
  /** One row more than the page holds, newest first. */
  list(filter: ChargeFilter, page: Page): Promise<Charge[]>;
};

export type ChargeStoreOptions = {
  /** How long a call to the provider may take from its announcement on. */
  readonly callMs: number;
  readonly settleAfterMs: number;
  /** How long a charge given up unanswered is looked for. */
  readonly watchMs: number;
};

type ChargeRow = {
  order_id: string;
  customer_id: string;
  currency_code: string;
  amount_minor: string | null;
  payment_method: string | null;
  status: ChargeStatus;
  transaction_id: string;
  decline_code: string;
  decline_message: string;
  refund_key: string | null;
  request_hash: string | null;
  synthetic: boolean;
  version: number;
  attempt: number;
  intent_age_ms: number;
  calls_end_in_ms: number;
  watched: boolean;
  traceparent: string;
  create_time: Date;
  update_time: Date;
};

// An intent from before the clock was set back may be of any age: it is taken for old, so that no call is repeated.
const COLUMNS = `order_id, customer_id, currency_code, amount_minor, payment_method, status, transaction_id, decline_code,
  decline_message, refund_key, request_hash, synthetic, version, attempt, watch_until is not null as watched,
  case when intent_time > now() + interval '1 minute' then 'infinity'
    else extract(epoch from now() - intent_time) * 1000 end::float8 as intent_age_ms,
  greatest(0, extract(epoch from call_until - now()) * 1000)::float8 as calls_end_in_ms, traceparent, create_time, update_time`;

/** Makes the store; all times are the database's. */
export function createChargeStore(database: Database, options: ChargeStoreOptions): ChargeStore {
  const { callMs, settleAfterMs, watchMs } = options;
  const queryOne = async (text: string, values: readonly unknown[]): Promise<StoredCharge | undefined> => {
    const [row] = await database.query<ChargeRow>(text, values);
    return row && toStoredCharge(row);
  };

  return {
    insertIntent: ({ orderId, idempotencyKey, requestHash, customerId, amount, paymentMethod, synthetic }) =>
      queryOne(
        `insert into charge (order_id, idempotency_key, request_hash, customer_id, currency_code, amount_minor, payment_method,
           status, synthetic, version, call_until, due_time, traceparent)
         values ($1, $2, $3, $4, $5, $6, $7, 'CHARGING', $8, 1, now() + ${milliseconds(9)}, now() + ${milliseconds(10)}, $11)
         on conflict do nothing returning ${COLUMNS}`,
        [
          orderId,
          idempotencyKey,
          requestHash,
          customerId,
          amount.currencyCode,
          amount.minorUnits,
          paymentMethod,
          synthetic,
          callMs,
          settleAfterMs,
          traceOfCall(),
        ],
      ),

    findKnown: async (orderId, idempotencyKey) => {
      const rows = await database.query<ChargeRow>(
        `select ${COLUMNS} from charge where order_id = $1 or idempotency_key = $2`,
        [orderId, idempotencyKey],
      );
      return rows.map((row) => ({ stored: toStoredCharge(row), requestHash: row.request_hash ?? '' }));
    },

    find: (orderId) => queryOne(`select ${COLUMNS} from charge where order_id = $1`, [orderId]),

    announceCall: (orderId) =>
      queryOne(
        `update charge set call_until = greatest(call_until, now() + ${milliseconds(2)})
         where order_id = $1 and status = 'CHARGING' and refund_key is null returning ${COLUMNS}`,
        [orderId, callMs],
      ),

    renewIntent: (orderId, attempt) =>
      queryOne(
        `update charge set attempt = attempt + 1, intent_time = now(), call_until = now() + ${milliseconds(3)}
         where order_id = $1 and attempt = $2 and status = 'CHARGING' and refund_key is null returning ${COLUMNS}`,
        [orderId, attempt, callMs],
      ),

    requestRefund: async (orderId, refundKey) => {
      const request = () => queryOne(requestRefundSql, [orderId, refundKey, settleAfterMs, traceOfCall()]);
      try {
        return await request();
      } catch (error) {
        if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
        // The key was stored at the same moment, for this order or for another: a new statement sees which.
        return await request();
      }
    },

    save: (next, events) =>
      queryOne(saveSql, [
        next.orderId,
        next.version - 1,
        next.version,
        next.status,
        next.transactionId,
        next.declineCode,
        next.declineMessage,
        settleAfterMs,
        watchMs,
        ...outboxValues(events),
      ]),

    claimDue: async (limit) => {
      const isDue = isDueSql('due_time', Math.max(settleAfterMs, MAX_CHECK_DELAY_MS));
      const values = [limit, settleAfterMs, MAX_CHECK_DELAY_MS, callMs];
      const rows = await database.query<ChargeRow>(claimDueSql(isDue), values);
      return rows.map(toStoredCharge);
    },

    list: async ({ customerId, orderId }, { size, after }) => {
      const rows = await database.query<ChargeRow>(
        `select ${COLUMNS} from charge
         where ($1 = '' or customer_id = $1) and ($2 = '' or order_id = $2)
           and ($3::timestamptz is null or (create_time, order_id) < ($3::timestamptz, $4))
         order by create_time desc, order_id desc limit $5`,
        [customerId, orderId, after?.[0] ?? null, after?.[1] ?? null, size + 1],
      );
      return rows.map((row) => toStoredCharge(row).charge);
    },
  };
}

const requestRefundSql = `insert into charge (order_id, refund_key, status, synthetic, version, traceparent)
  select $1, $2, 'REFUNDED', false, 1, $4 where not exists (select from charge where refund_key = $2 and order_id <> $1)
  on conflict (order_id) do update set
    refund_key = coalesce(charge.refund_key, excluded.refund_key),
    due_time = case when charge.status in ('CHARGING', 'COMPLETED')
      then least(charge.due_time, now() + ${milliseconds(3)}) else charge.due_time end
  returning ${COLUMNS}`;

// A refund asked for meanwhile, and a charge given up, keep the background's attention.
const saveSql = `with saved as (
    update charge set version = $3, status = $4, transaction_id = $5, decline_code = $6, decline_message = $7,
      payment_method = null, update_time = now(), checks = 0,
      due_time = case when $4 = 'COMPLETED' and refund_key is not null or $4 = 'REFUNDED' and $5 = ''
        then now() + ${milliseconds(8)} end,
      watch_until = case when $4 = 'REFUNDED' and $5 = '' then now() + ${milliseconds(9)} end
    where order_id = $1 and version = $2
    returning *
  ), sent as (${insertOutboxSql(10, 'saved')})
  select ${COLUMNS} from saved`;

// Claiming is putting off: the next look is as far away as this one may take, and further each time.
// A call that seems to end far ahead was announced before the clock was set back: it ends no later than one made now.
const claimDueSql = (isDue: string) => `update charge set checks = checks + 1, due_time = case
      when watch_until < now() then null
      else now() + least(${milliseconds(3)}, ${milliseconds(2)} * power(2, least(checks, 16)))
    end, call_until = case
      when call_until > now() + interval '10 minutes' then least(call_until, now() + ${milliseconds(4)})
      else call_until
    end
  where order_id in (
    select order_id from charge where ${isDue} order by due_time limit $1 for update skip locked
  )
  returning ${COLUMNS}`;

function traceOfCall(): string {
  return injectTrace().traceparent ?? '';
}

function milliseconds(parameter: number): string {
  return `$${parameter}::float8 * interval '1 millisecond'`;
}

function toStoredCharge(row: ChargeRow): StoredCharge {
  return {
    charge: {
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
    },
    paymentMethod: row.payment_method ?? '',
    refundRequested: row.refund_key !== null,
    attempt: row.attempt,
    intentAgeMs: row.intent_age_ms,
    callsEndInMs: row.calls_end_in_ms,
    watched: row.watched,
    traceparent: row.traceparent,
  };
}
