// The charge store on a real Postgres, with a database for each test file and an empty table for each test.
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest';
import { type Charge, decideCharge, type StoredCharge, voidCharge } from '#services/payment/charge.ts';
import { toChargeEvents } from '#services/payment/charge-messages.ts';
import { type ChargeStore, createChargeStore, type Intent } from '#services/payment/charge-store.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { silentLog } from '../../support/services/order-builders.ts';

// Whole minutes: the time that a test itself takes is rounded away.
export const CALL_MINUTES = 4;
export const SETTLE_MINUTES = 1;
export const WATCH_MINUTES = 60;
const MINUTE_MS = 60_000;
const OPTIONS = {
  callMs: CALL_MINUTES * MINUTE_MS,
  settleAfterMs: SETTLE_MINUTES * MINUTE_MS,
  lateCaptureWindowMs: WATCH_MINUTES * MINUTE_MS,
};

export const CAPTURED = { kind: 'captured', transactionId: 'ch_1', refunded: false } as const;
export const DECLINED = { kind: 'declined', code: 'expired_card', message: 'Expired' } as const;

/** The times of a charge, in whole minutes from now. */
type Times = {
  readonly intent: number;
  readonly call: number;
  readonly due: number | null;
  readonly watch: number | null;
};

export type ChargeStoreFixture = {
  readonly store: ChargeStore;
  /** A store whose statements use no index, and sort instead. */
  readonly withoutIndexes: ChargeStore;
  /** Runs a statement, bypassing the store. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Changes columns of every charge, as SQL. */
  set(changes: string): Promise<unknown>;
  /** Runs `work` with a store whose statements belong to one transaction, which is committed afterwards. */
  inTransaction(work: (store: ChargeStore, query: Database['query']) => Promise<void>): Promise<void>;
  /** Waits until a statement waits for the lock of another transaction. */
  waitForBlocked(): Promise<void>;
  /** Inserts an open charge. */
  open(orderId?: string, change?: Partial<Intent>): Promise<Charge>;
  /** Stores the next state of a charge with its events. */
  save(next: Charge): Promise<StoredCharge | undefined>;
  /** Inserts a charge and completes it. */
  complete(orderId?: string): Promise<Charge>;
  /** Inserts a charge whose refund is requested before anything is captured, and voids it. */
  voidOpen(orderId?: string): Promise<Charge>;
  timesOf(orderId?: string): Promise<Times>;
  /** The subjects of the stored events, sorted. */
  subjects(): Promise<string[]>;
};

/** The request of a payment of 59.99 EUR by cust123, with the order's own key. */
export function intentOf(orderId: string, change: Partial<Intent> = {}): Intent {
  return {
    orderId,
    idempotencyKey: `key of ${orderId}`,
    requestHash: `hash of ${orderId}`,
    customerId: 'cust123',
    amount: { currencyCode: 'EUR', minorUnits: 5_999n },
    paymentMethod: 'pm_approved',
    synthetic: false,
    ...change,
  };
}

/** Registers the hooks of a test file that open and close its database. */
export function useChargeStore(): ChargeStoreFixture {
  const resources = new AsyncDisposableStack();
  let database: Database;
  let store: ChargeStore;
  let withoutIndexes: ChargeStore;
  beforeAll(async () => {
    const { databaseUrl } = resources.use(await createTestDatabase('payment'));
    database = createDatabase({ url: databaseUrl, size: 4, timeoutMs: 20_000, log: silentLog });
    resources.defer(() => database.close());
    store = createChargeStore(database, OPTIONS);
    const url = new URL(databaseUrl);
    url.searchParams.set('options', '-c enable_indexscan=off -c enable_bitmapscan=off');
    const sorting = createDatabase({ url: url.href, size: 1, timeoutMs: 20_000, log: silentLog });
    resources.defer(() => sorting.close());
    withoutIndexes = createChargeStore(sorting, OPTIONS);
  });
  afterAll(() => resources.disposeAsync());
  beforeEach(async () => {
    await database.query('truncate charge, outbox');
  });

  const fixture: ChargeStoreFixture = {
    get store() {
      return store;
    },
    get withoutIndexes() {
      return withoutIndexes;
    },
    query: (text, values) => database.query(text, values),
    set: (changes) => database.query(`update charge set ${changes}`),
    inTransaction: (work) =>
      database.transaction(({ query }) => work(createChargeStore({ ...database, query }, OPTIONS), query)),
    waitForBlocked: async () => {
      const blocked = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      const limits = { timeout: 15_000, interval: 10 };
      await vi.waitFor(async () => expect(await database.query(blocked)).toHaveLength(1), limits);
    },
    open: async (orderId = 'o1', change = {}) => {
      const stored = await store.insertIntent(intentOf(orderId, change));
      if (stored === undefined) throw new Error(`order ${orderId} or its key is taken`);
      return stored.charge;
    },
    save: (next) => store.save(next, toChargeEvents(next, new Date())),
    complete: async (orderId = 'o1') => {
      const completed = decideCharge(await fixture.open(orderId), CAPTURED);
      await fixture.save(completed);
      return completed;
    },
    voidOpen: async (orderId = 'o1') => {
      const charge = await fixture.open(orderId);
      await store.requestRefund(orderId, `refund of ${orderId}`);
      const voided = voidCharge(charge);
      await fixture.save(voided);
      return voided;
    },
    timesOf: async (orderId = 'o1') => {
      const columns = { intent: 'intent_time', call: 'call_until', due: 'due_time', watch: 'watch_until' };
      const minutes = Object.entries(columns).map(
        ([name, column]) => `round(extract(epoch from ${column} - now()) / 60)::int as ${name}`,
      );
      const [times] = await database.query<Times>(`select ${minutes.join(', ')} from charge where order_id = $1`, [
        orderId,
      ]);
      if (times === undefined) throw new Error(`there is no charge of order ${orderId}`);
      return times;
    },
    subjects: async () =>
      (await database.query<{ subject: string }>('select subject from outbox order by 1')).map(
        ({ subject }) => subject,
      ),
  };
  return fixture;
}
