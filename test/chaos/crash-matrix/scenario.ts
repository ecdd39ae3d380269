// The scenario: short parts, each of which takes the platform along one path. Every part puts up with failing calls: whoever is killed
// in it is back a moment later, and what was begun is finished by the desk and by `cleanUp`.
import type { Client as RpcClient } from '@connectrpc/connect';
import { Client } from 'pg';
import type { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import type { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { type Planted, plantPoison, uproot } from './broker-admin.ts';
import type { Control } from './control.ts';
import { type ShopDesk, tolerate, untilAnswered } from './order-client.ts';

const CALL_MS = 3_000;
const WAIT_MS = 3_000;
const POLL_MS = 40;
/** More than the shop ever has of it. */
const TOO_MANY = 9_999;
const PLENTY = '12345';
const SCARCE = 'prod789';
const CHANGED = 'prod112';
/** How many events of one confirmed order each service handles while none gets any further. */
const EVENTS_OF_ORDER = { order: 2, inventory: 1, notification: 1, analytics: 4 };
const INVENTORY_CALLS = 'shop.inventory.v1.';

export type Scene = {
  readonly desk: ShopDesk;
  readonly control: Control;
  readonly inventory: RpcClient<typeof InventoryService>;
  /** The ops RPCs of the services that read OrderCreated. */
  readonly readers: readonly RpcClient<typeof OpsService>[];
  readonly databaseUrls: {
    readonly order: string;
    readonly inventory: string;
    readonly notification: string;
    readonly analytics: string;
  };
  readonly natsUrl: string;
  /** Events planted and not yet taken out again. */
  readonly planted: Planted[];
  /** A text no other run of a part has. */
  readonly newId: () => string;
};

export type Part = (scene: Scene) => Promise<void>;

/** All parts by name, the simplest first. */
export const PARTS: Readonly<Record<string, Part>> = {
  approved: async ({ desk }) => {
    await desk.place();
  },
  declined: async ({ desk }) => {
    await desk.place({ paymentMethod: 'pm_insufficient_funds' });
  },
  short: async ({ desk }) => {
    await desk.place({ items: [{ productId: SCARCE, quantity: TOO_MANY }] });
  },
  duplicate: ({ desk }) => desk.placeTwice(),
  'cancelled while charging': async ({ desk }) => {
    await desk.tryToCancel(await desk.place({ paymentMethod: 'pm_slow', cancel: true }));
  },
  'charged late': async ({ desk }) => {
    await desk.place({ paymentMethod: 'pm_slow' });
  },
  'provider fails, then cancelled': async ({ desk }) => {
    await desk.tryToCancel(await desk.place({ paymentMethod: 'pm_provider_error', cancel: true }));
  },
  'reserved by event': (scene) => placeWithoutInventory(scene, PLENTY, 1),
  'short by event': (scene) => placeWithoutInventory(scene, SCARCE, TOO_MANY),
  'cancelled without inventory': async ({ desk, control }) => {
    await control.loseCalls(INVENTORY_CALLS);
    await desk.tryToCancel(await desk.place({ cancel: true }));
    await control.findCalls();
  },
  'released unasked': releaseUnasked,
  'product and stock changed': changeProduct,
  'database stumbles': stumbleDatabases,
  'poisoned events': poisonEvents,
};

/** Takes back what a part may have left that is no order. */
export async function cleanUp({ control, natsUrl, planted }: Scene): Promise<void> {
  await control.findCalls();
  await uproot(natsUrl, planted);
}

/** Forgets the dead letters of planted events, when all is at rest. Throws when one of their readers does not let it. */
export async function forgetPlanted(scene: Scene): Promise<void> {
  if (scene.planted.length === 0) return;
  await untilAnswered('the discarding of planted events', () => discardPlanted(scene));
  scene.planted.length = 0;
}

/** The call to reserve gets lost on its way; the event gets through late, when the order has learnt to be patient. */
async function placeWithoutInventory(scene: Scene, productId: string, quantity: number): Promise<void> {
  const { desk, control, databaseUrls } = scene;
  await using inventory = await openDatabase(databaseUrls.inventory);
  await using order = await openDatabase(databaseUrls.order);
  await control.loseCalls(INVENTORY_CALLS);
  await inventory.client.query('begin; lock table product in exclusive mode');
  const orderId = await desk.place({ items: [{ productId, quantity }] });
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
  await control.findCalls();
}

/** Bars an order that inventory has heard of but not looked at: whoever wants to reserve waits for the products meanwhile. */
async function releaseUnasked({ desk, databaseUrls }: Scene): Promise<void> {
  await using inventory = await openDatabase(databaseUrls.inventory);
  await inventory.client.query('begin; lock table product in exclusive mode');
  await desk.tryToCancel(await desk.place({ cancel: true }));
  await inventory.client.query('rollback');
}

async function changeProduct({ inventory, desk, newId }: Scene): Promise<void> {
  const id = newId();
  const unitPrice = { currencyCode: 'EUR', minorUnits: 1_290n };
  const product = { productId: CHANGED, name: `Canvas shopping bag ${id}`, unitPrice };
  const adjustment = { idempotencyKey: `adjust-${id}`, productId: CHANGED, delta: 3 };
  await untilAnswered('UpsertProduct', () => tolerate(() => inventory.upsertProduct(product, { timeoutMs: CALL_MS })));
  await untilAnswered('AdjustStock', () => tolerate(() => inventory.adjustStock(adjustment, { timeoutMs: CALL_MS })));
  await tolerate(() => inventory.adjustStock(adjustment, { timeoutMs: CALL_MS }));
  await desk.place({ items: [{ productId: CHANGED, quantity: 1 }] });
}

/** The databases end the sessions of event handlers in the middle of their work. */
async function stumbleDatabases({ desk, databaseUrls }: Scene): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const databases: { readonly database: Client; readonly events: number }[] = [];
  for (const [service, events] of Object.entries(EVENTS_OF_ORDER) as [keyof typeof EVENTS_OF_ORDER, number][]) {
    databases.push({ database: opened.use(await openDatabase(databaseUrls[service])).client, events });
  }
  for (const { database } of databases) await database.query('begin; lock table inbox in exclusive mode');
  await desk.place();
  await Promise.all(
    databases.map(async ({ database, events }) => {
      const waiting = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      await waitUntil(async () => Number((await database.query(`select ${waiting}`)).rowCount) >= events);
      await database.query(`select pg_terminate_backend(pid) ${waiting}`);
      await database.query('rollback');
    }),
  );
}

async function poisonEvents(scene: Scene): Promise<void> {
  const { planted, natsUrl } = scene;
  planted.push(...(await plantPoison(natsUrl)));
  await waitUntil(async () => {
    const listed = await Promise.all(scene.readers.map((reader) => listPlanted(reader, planted)));
    return listed.every((letters) => letters?.length === planted.length);
  });
  await uproot(natsUrl, planted);
  await discardPlanted(scene);
}

/** Discards what there is of planted dead letters; undefined when a call failed. */
async function discardPlanted(scene: Scene): Promise<true | undefined> {
  const options = { timeoutMs: CALL_MS };
  for (const reader of scene.readers) {
    const deadLetterIds = await listPlanted(reader, scene.planted);
    if (deadLetterIds === undefined) return undefined;
    for (const deadLetterId of deadLetterIds) {
      if (!(await tolerate(() => reader.discardDeadLetter({ deadLetterId }, options)))) return undefined;
    }
  }
  return true;
}

async function listPlanted(reader: Scene['readers'][number], planted: Scene['planted']): Promise<string[] | undefined> {
  const answer = await tolerate(() => reader.listDeadLetters({}, { timeoutMs: CALL_MS }));
  return answer?.deadLetters
    .filter(({ eventId }) => planted.some((event) => event.eventId === eventId))
    .map(({ deadLetterId }) => deadLetterId);
}

/** Waits until something is so, or until it is no use to wait longer: the part goes on either way. */
async function waitUntil(isSo: () => Promise<boolean>): Promise<void> {
  const timeIsOver = AbortSignal.timeout(WAIT_MS);
  while (!timeIsOver.aborted && !(await isSo())) await pause(POLL_MS, timeIsOver);
}

async function openDatabase(url: string): Promise<AsyncDisposable & { readonly client: Client }> {
  const client = new Client({ connectionString: url, application_name: 'crash matrix' });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}
