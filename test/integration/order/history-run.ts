// Runs a history on the real order store, use cases and saga, with in-memory dependencies and chosen turns.
import { OrderStatus, OrderStatusSchema } from '#gen/shop/order/v1/order_pb.ts';
import { CreateOrderResponse_OutcomeSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import { cancelOrder } from '#services/order/cancel-order.ts';
import { createOrder } from '#services/order/create-order.ts';
import type { Order } from '#services/order/order.ts';
import { runSaga, type SagaDependencies } from '#services/order/order-saga.ts';
import { createOrderStore, type OrderStore, resumeNow } from '#services/order/order-store.ts';
import { refundOrder } from '#services/order/refund-order.ts';
import { startDeadline } from '#services/platform/base/deadline.ts';
import { DomainError, unavailable } from '#services/platform/base/errors.ts';
import type { Database } from '#services/platform/storage/database.ts';
import { type Turn, takeTurns } from '../../support/histories.ts';
import { testCall } from '../../support/services/call.ts';
import { createFakePriceStore, orderRequest, silentLog } from '../../support/services/order-builders.ts';
import type { CallFate, CommitFate, History, Key, Step } from './history.ts';
import { createWorld, type World } from './history-dependencies.ts';

const LEASE_MS = 4_000;
const BUDGET_MS = 60_000;
const ORDER_LIMIT_MS = 15 * 60_000;
// More than any order needs when every dependency answers.
const MAX_ROUNDS_TO_REST = 12;
const CLAIM_LIMIT = 16;

/** An answer that a caller received about an order. */
export type Heard = {
  readonly key: Key;
  readonly content: string;
  readonly orderId: string;
  readonly status: string;
  readonly outcome: string;
};

/** What was recorded of a history. */
export type Account = {
  readonly world: World;
  readonly heard: Heard[];
  /** Keys refused for other content than this. */
  readonly refusedContents: { readonly key: Key; readonly content: string }[];
  readonly refusedCancels: string[];
  /** Orders answered as refunded. */
  readonly refunded: string[];
  /** Every state an order was stored in, in the order of the commits. */
  readonly stored: Order[];
  /** Errors that no caller may receive. */
  readonly faults: string[];
};

/** The service process died: its caller receives no answer. */
class Died extends Error {
  override readonly name = 'Died';
}

/** Runs a history, then runs what is open with healthy dependencies until nothing is. Returns what was recorded. */
export async function runHistory(database: Database, history: History): Promise<Account> {
  await database.query('truncate orders, order_key, outbox');
  const run = new HistoryRun(database, history);
  for (const steps of history.rounds) await run.play(steps);
  await run.rest();
  return run.account;
}

class HistoryRun {
  readonly account: Account = {
    world: createWorld(),
    heard: [],
    refusedContents: [],
    refusedCancels: [],
    refunded: [],
    stored: [],
    faults: [],
  };
  readonly #database: Database;
  readonly #history: History;
  readonly #store: OrderStore;
  readonly #used = { calls: 0, commits: 0, turns: 0 };
  #clockMs = Date.now();
  #orders = 0;

  constructor(database: Database, history: History) {
    this.#database = database;
    this.#history = history;
    this.#store = createOrderStore(database, LEASE_MS);
  }

  /** Runs the steps of a round concurrently, one turn after the other. */
  async play(steps: readonly Step[]): Promise<void> {
    const actors = steps.map((step) => async (turn: Turn) => {
      try {
        await this.#act(step, turn);
      } catch (error) {
        const isExpected = error instanceof Died || (error instanceof DomainError && error.kind === 'unavailable');
        if (!isExpected) throw error;
      }
    });
    await takeTurns(actors, () => this.#history.turns[this.#used.turns++] ?? 0);
  }

  /** Every call is answered and no process dies any more: runs what is open until nothing is. */
  async rest(): Promise<void> {
    const { late } = this.account.world;
    this.#used.calls = Number.POSITIVE_INFINITY;
    this.#used.commits = Number.POSITIVE_INFINITY;
    if (this.#history.lateFirst) for (const arrive of late.splice(0)) arrive();
    for (let round = 0; round < MAX_ROUNDS_TO_REST; round += 1) {
      const open = await this.#database.query('select from orders where resume_time is not null limit 1');
      if (open.length === 0) break;
      await this.play([{ kind: 'resume' }]);
    }
    // Calls and events that arrive after the end must not change it.
    for (const arrive of late.splice(0).reverse()) arrive();
    for (const { orderId, items } of await this.#everyOrder()) {
      this.account.world.onOrderCreated(orderId, items[0]?.quantity ?? 0);
    }
  }

  async #act(step: Step, turn: Turn): Promise<void> {
    switch (step.kind) {
      case 'place':
        return await this.#place(step, turn);
      case 'cancel':
        return await this.#cancel(step.key, turn);
      case 'refund':
        return await this.#refund(step.key, turn);
      case 'resume':
        return await this.#resume(turn);
      case 'wake':
        return await turn(async () => {
          const orderId = await this.#orderIdOf(step.key);
          if (orderId !== undefined) await resumeNow(this.#database, [orderId]);
        });
      case 'hear':
        return await turn(async () => {
          const known = await this.#store.findByKey(ofGuest(step.key));
          if (known !== undefined)
            this.account.world.onOrderCreated(known.order.orderId, known.order.items[0]?.quantity ?? 0);
        });
      case 'arrive':
        return await turn(async () => {
          const { late } = this.account.world;
          for (const arrive of late.splice(step.index % Math.max(1, late.length), 1)) arrive();
        });
      case 'expire':
        return await turn(async () => {
          this.#clockMs += ORDER_LIMIT_MS;
        });
    }
  }

  async #place({ key, quantity, paymentMethod }: Extract<Step, { kind: 'place' }>, turn: Turn): Promise<void> {
    const { heard, refusedContents, faults } = this.account;
    const content = `${quantity} by ${paymentMethod}`;
    const saga = this.#saga(turn);
    const store = this.#reachStore(turn);
    const request = orderRequest({ idempotencyKey: key, items: [{ productId: '12345', quantity }], paymentMethod });
    try {
      const response = await createOrder(
        {
          store,
          saga,
          prices: createFakePriceStore(),
          pricingVersionFor: async () => 'v1',
          // A duplicate looks once: how long it waits for the first call is not part of a history.
          changes: {
            notify: () => undefined,
            follow: async function* (orderId) {
              const order = await store.find(orderId);
              if (order !== undefined) yield order;
            },
          },
          paymentMethods: undefined,
          syntheticCredential: undefined,
          newOrderId: () => `order-${++this.#orders}`,
          now: saga.now,
        },
        request,
        testCall({ budgetMs: BUDGET_MS }),
      );
      heard.push({
        key,
        content,
        orderId: response.order?.orderId ?? '',
        status: OrderStatusSchema.value[response.order?.status ?? 0]?.localName ?? '',
        outcome: CreateOrderResponse_OutcomeSchema.value[response.outcome ?? 0]?.localName ?? '',
      });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (error.reason === 'IDEMPOTENCY_KEY_REUSED') refusedContents.push({ key, content });
      else if (error.kind !== 'unavailable') faults.push(`CreateOrder ${key} failed with ${error.reason}`);
    }
  }

  async #cancel(key: Key, turn: Turn): Promise<void> {
    const orderId = await turn(() => this.#orderIdOf(key));
    if (orderId === undefined) return;
    const saga = this.#saga(turn);
    try {
      const { order } = await cancelOrder(
        { saga, now: saga.now },
        { $typeName: 'shop.order.v1.CancelOrderRequest', orderId },
        testCall({ budgetMs: BUDGET_MS }),
      );
      const status = OrderStatusSchema.value[order.status ?? 0]?.localName ?? '';
      this.account.heard.push({ key, content: '', orderId, status, outcome: 'CANCELLED' });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (error.reason === 'ORDER_NOT_CANCELLABLE') this.account.refusedCancels.push(orderId);
      else if (error.kind !== 'unavailable') this.account.faults.push(`CancelOrder ${key} failed with ${error.reason}`);
    }
  }

  async #refund(key: Key, turn: Turn): Promise<void> {
    const orderId = await turn(() => this.#orderIdOf(key));
    if (orderId === undefined) return;
    const saga = this.#saga(turn);
    try {
      const { order } = await refundOrder(
        { saga, now: saga.now },
        { $typeName: 'shop.order.v1.RefundOrderRequest', orderId },
        testCall({ budgetMs: BUDGET_MS }),
      );
      if (order.status === OrderStatus.REFUNDED) this.account.refunded.push(orderId);
      else this.account.faults.push(`RefundOrder ${key} answered with status ${order.status}`);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (error.reason !== 'ORDER_NOT_REFUNDABLE' && error.kind !== 'unavailable')
        this.account.faults.push(`RefundOrder ${key} failed with ${error.reason}`);
    }
  }

  async #resume(turn: Turn): Promise<void> {
    const claimed = await turn(async () => {
      await this.#database.query(
        `update orders set resume_time = now() - interval '1 second', lease_until = now() - interval '1 second'
         where resume_time is not null`,
      );
      return await this.#store.claim(CLAIM_LIMIT);
    });
    for (const { order, attempts } of claimed) {
      await runSaga(this.#saga(turn), order, startDeadline(BUDGET_MS), attempts);
    }
  }

  #saga(turn: Turn): SagaDependencies {
    const nextFate = (): CallFate => this.#history.calls[this.#used.calls++] ?? 'answered';
    return {
      ...this.account.world.clients(turn, nextFate),
      store: this.#reachStore(turn),
      onChange: () => undefined,
      syntheticHeaders: {},
      orderLimitMs: ORDER_LIMIT_MS,
      failingPaymentLimitMs: ORDER_LIMIT_MS,
      now: () => new Date(this.#clockMs),
      log: silentLog,
    };
  }

  /** The store as one worker reaches it: each statement takes a turn, and each change has the next fate. */
  #reachStore(turn: Turn): Pick<OrderStore, 'insert' | 'findByKey' | 'find' | 'save'> {
    const { stored } = this.account;
    const change = <Result>(commit: () => Promise<Result>): Promise<Result> =>
      turn(async () => {
        const fate: CommitFate = this.#history.commits[this.#used.commits++] ?? 'committed';
        if (fate === 'dies_before') throw new Died();
        if (fate === 'outage_before')
          throw unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });
        const result = await commit();
        if (fate === 'dies_after') throw new Died();
        if (fate === 'outage_after')
          throw unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });
        return result;
      });
    return {
      find: (orderId) => turn(() => this.#store.find(orderId)),
      findByKey: (key) => turn(() => this.#store.findByKey(key)),
      insert: (order, key, events) =>
        change(async () => {
          const inserted = await this.#store.insert(order, key, events);
          if (inserted) stored.push(order);
          return inserted;
        }),
      save: (order, previousVersion, events, resume) =>
        change(async () => {
          const saved = await this.#store.save(order, previousVersion, events, resume);
          if (saved !== undefined) stored.push(saved);
          return saved;
        }),
    };
  }

  async #orderIdOf(key: Key): Promise<string | undefined> {
    return (await this.#store.findByKey(ofGuest(key)))?.order.orderId;
  }

  #everyOrder(): Promise<Order[]> {
    return this.#store.list({ customerId: '', status: undefined }, { size: 100, after: undefined });
  }
}

function ofGuest(idempotencyKey: Key) {
  return { idempotencyKey, placedBy: 'guest' };
}
