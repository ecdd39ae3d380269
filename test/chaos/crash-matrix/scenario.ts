// The scenario: short steps, each of which exercises one path of the platform. Every step tolerates failing calls, because a process may
// be killed during it. The client and `cleanUp` finish what a step has started.
import type { Client as RpcClient } from '@connectrpc/connect';
import { Client } from 'pg';
import type { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import type { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { type InjectedEvent, injectPoisonEvents, removeInjectedEvents } from './broker-admin.ts';
import type { Control } from './control.ts';
import { type OrderClient, retryUntilAnswered, tolerate } from './order-client.ts';

const CALL_MS = 3_000;
const WAIT_MS = 3_000;
const POLL_MS = 40;
/** More than the stock. */
const TOO_MANY = 9_999;
const PLENTY = '12345';
const SCARCE = 'prod789';
const CHANGED = 'prod112';
/** The number of events of one confirmed order that each service handles while its handlers are blocked. */
const EVENTS_OF_ORDER = { order: 2, inventory: 1, notification: 1, analytics: 4 };
const INVENTORY_CALLS = 'shop.inventory.v1.';

export type StepContext = {
  readonly client: OrderClient;
  readonly control: Control;
  readonly inventory: RpcClient<typeof InventoryService>;
  /** The ops RPCs of the services that consume OrderCreated. */
  readonly consumers: readonly RpcClient<typeof OpsService>[];
  readonly databaseUrls: {
    readonly order: string;
    readonly inventory: string;
    readonly notification: string;
    readonly analytics: string;
  };
  readonly natsUrl: string;
  /** Injected events that are not discarded yet. */
  readonly injected: InjectedEvent[];
  /** Returns a unique text. */
  readonly newId: () => string;
};

export type Step = (context: StepContext) => Promise<void>;

/** All steps by name, the simplest first. */
export const STEPS: Readonly<Record<string, Step>> = {
  approved: async ({ client }) => {
    await client.place();
  },
  declined: async ({ client }) => {
    await client.place({ paymentMethod: 'pm_insufficient_funds' });
  },
  short: async ({ client }) => {
    await client.place({ items: [{ productId: SCARCE, quantity: TOO_MANY }] });
  },
  duplicate: ({ client }) => client.placeConcurrently(),
  'confirmed, then refunded': async ({ client }) => {
    await client.tryToRefund(await client.place({ refund: true }));
  },
  'cancelled while charging': async ({ client }) => {
    await client.tryToCancel(await client.place({ paymentMethod: 'pm_slow', cancel: true }));
  },
  'charged late': async ({ client }) => {
    await client.place({ paymentMethod: 'pm_slow' });
  },
  'provider fails, then cancelled': async ({ client }) => {
    await client.tryToCancel(await client.place({ paymentMethod: 'pm_provider_error', cancel: true }));
  },
  'reserved by event': (context) => placeWithoutInventory(context, PLENTY, 1),
  'short by event': (context) => placeWithoutInventory(context, SCARCE, TOO_MANY),
  'cancelled without inventory': async ({ client, control }) => {
    await control.dropCalls(INVENTORY_CALLS);
    await client.tryToCancel(await client.place({ cancel: true }));
    await control.restoreCalls();
  },
  'released before the event is handled': releaseBeforeEvent,
  'product and stock changed': changeProduct,
  'database sessions terminated': terminateSessions,
  'poisoned events': poisonEvents,
};

/** Removes what a step may have left behind: dropped calls and injected events. */
export async function cleanUp({ control, natsUrl, injected }: StepContext): Promise<void> {
  await control.restoreCalls();
  await removeInjectedEvents(natsUrl, injected);
}

/**
 * Discards the dead letters of injected events, at quiescence.
 *
 * @throws {Error} a consumer refuses or does not answer.
 */
export async function discardInjectedEvents(context: StepContext): Promise<void> {
  if (context.injected.length === 0) return;
  await retryUntilAnswered('the discarding of injected events', () => tryDiscardInjected(context));
  context.injected.length = 0;
}

/** ReserveStock is dropped; OrderCreated is handled late, when the order is already waiting for its next attempt. */
async function placeWithoutInventory(context: StepContext, productId: string, quantity: number): Promise<void> {
  const { client, control, databaseUrls } = context;
  await using inventory = await openDatabase(databaseUrls.inventory);
  await using order = await openDatabase(databaseUrls.order);
  await control.dropCalls(INVENTORY_CALLS);
  await inventory.client.query('begin; lock table product in exclusive mode');
  const orderId = await client.place({ items: [{ productId, quantity }] });
  const waitFor = (client: Client, sql: string) =>
    waitUntil(async () => (await client.query(sql, [orderId])).rowCount === 1);
  if (orderId !== undefined) {
    await waitFor(
      order.client,
      'select from orders where order_id = $1 and attempts >= 3 and resume_time > lease_until',
    );
  }
  await inventory.client.query('rollback');
  if (orderId !== undefined) await waitFor(inventory.client, 'select from reservation where order_id = $1');
  await control.restoreCalls();
}

/** Releases an order before inventory handles its OrderCreated: the lock on the products delays every reservation. */
async function releaseBeforeEvent({ client, databaseUrls }: StepContext): Promise<void> {
  await using inventory = await openDatabase(databaseUrls.inventory);
  await inventory.client.query('begin; lock table product in exclusive mode');
  await client.tryToCancel(await client.place({ cancel: true }));
  await inventory.client.query('rollback');
}

async function changeProduct({ inventory, client, newId }: StepContext): Promise<void> {
  const id = newId();
  const unitPrice = { currencyCode: 'EUR', minorUnits: 1_290n };
  const product = { productId: CHANGED, name: `Canvas shopping bag ${id}`, unitPrice };
  const adjustment = { idempotencyKey: `adjust-${id}`, productId: CHANGED, delta: 3 };
  await retryUntilAnswered('UpsertProduct', () =>
    tolerate(() => inventory.upsertProduct(product, { timeoutMs: CALL_MS })),
  );
  await retryUntilAnswered('AdjustStock', () =>
    tolerate(() => inventory.adjustStock(adjustment, { timeoutMs: CALL_MS })),
  );
  await tolerate(() => inventory.adjustStock(adjustment, { timeoutMs: CALL_MS }));
  await client.place({ items: [{ productId: CHANGED, quantity: 1 }] });
}

/** The databases terminate the sessions of event handlers during their transactions. */
async function terminateSessions({ client, databaseUrls }: StepContext): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const databases: { readonly database: Client; readonly events: number }[] = [];
  for (const [service, events] of Object.entries(EVENTS_OF_ORDER) as [keyof typeof EVENTS_OF_ORDER, number][]) {
    databases.push({ database: opened.use(await openDatabase(databaseUrls[service])).client, events });
  }
  for (const { database } of databases) await database.query('begin; lock table inbox in exclusive mode');
  await client.place();
  await Promise.all(
    databases.map(async ({ database, events }) => {
      const waiting = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      await waitUntil(async () => Number((await database.query(`select ${waiting}`)).rowCount) >= events);
      await database.query(`select pg_terminate_backend(pid) ${waiting}`);
      await database.query('rollback');
    }),
  );
}

async function poisonEvents(context: StepContext): Promise<void> {
  const { injected, natsUrl } = context;
  injected.push(...(await injectPoisonEvents(natsUrl)));
  await waitUntil(async () => {
    const listed = await Promise.all(context.consumers.map((consumer) => listInjected(consumer, injected)));
    return listed.every((letters) => letters?.length === injected.length);
  });
  await removeInjectedEvents(natsUrl, injected);
  await tryDiscardInjected(context);
}

/** Discards the dead letters of injected events. Returns undefined when a call failed. */
async function tryDiscardInjected(context: StepContext): Promise<true | undefined> {
  const options = { timeoutMs: CALL_MS };
  for (const consumer of context.consumers) {
    const deadLetterIds = await listInjected(consumer, context.injected);
    if (deadLetterIds === undefined) return undefined;
    for (const deadLetterId of deadLetterIds) {
      if (!(await tolerate(() => consumer.discardDeadLetter({ deadLetterId }, options)))) return undefined;
    }
  }
  return true;
}

async function listInjected(
  consumer: StepContext['consumers'][number],
  injected: StepContext['injected'],
): Promise<string[] | undefined> {
  const answer = await tolerate(() => consumer.listDeadLetters({}, { timeoutMs: CALL_MS }));
  return answer?.deadLetters
    .filter(({ eventId }) => injected.some((event) => event.eventId === eventId))
    .map(({ deadLetterId }) => deadLetterId);
}

/** Waits until a condition holds, but at most `WAIT_MS`: the step continues either way. */
async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  const timeout = AbortSignal.timeout(WAIT_MS);
  while (!timeout.aborted && !(await condition())) await pause(POLL_MS, timeout);
}

async function openDatabase(url: string): Promise<AsyncDisposable & { readonly client: Client }> {
  const client = new Client({ connectionString: url, application_name: 'crash matrix' });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}
