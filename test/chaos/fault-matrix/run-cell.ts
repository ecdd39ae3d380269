// One cell: waits for a healthy platform with open connections, injects the fault, places one order, removes the fault, and waits for
// the end state of the order.
import type { FaultHandle } from '@touchstone/kit';
import { pause } from '#services/platform/base/backoff.ts';
import { describeError } from '#services/platform/base/errors.ts';
import type { Cell } from './cells.ts';
import type { CellResult } from './judge.ts';
import type { OrderClient, PlacedOrder } from './order-client.ts';
import type { FaultyPlatform } from './platform.ts';

// The limits for the recovery of the platform after the previous cell, and for the end state of an order.
const RECOVERY_LIMIT_MS = 30_000;
const END_STATE_LIMIT_MS = 30_000;
// Work after the answer, such as publishing, meets the fault a little later.
const HIT_LIMIT_MS = 2_000;
const POLL_MS = 20;

/** Runs a cell. Rejects only when `signal` aborts. */
export async function runCell(
  platform: FaultyPlatform,
  client: OrderClient,
  cell: Cell,
  signal: AbortSignal,
): Promise<CellResult> {
  const before = countStarts(platform);
  const found = await tryCell(platform, client, cell, signal).catch((error: unknown) => ({
    ...NO_FINDINGS,
    errors: [describeError(error)],
  }));
  signal.throwIfAborted();
  const deaths = platform.services.filter((name, index) => platform.stack.restarts(name) !== before[index]);
  return { cell, ...found, deaths };
}

type Findings = Omit<CellResult, 'cell' | 'deaths'>;

const NO_FINDINGS: Findings = { response: undefined, tookMs: 0, hits: 0, end: undefined, errors: [] };

async function tryCell(
  platform: FaultyPlatform,
  client: OrderClient,
  cell: Cell,
  signal: AbortSignal,
): Promise<Findings> {
  await warmUp(platform, client, signal);
  const faulted = await placeUnderFault(platform, client, cell, signal);
  const removedAt = performance.now();
  const status = await client.awaitEnd(faulted.placed, END_STATE_LIMIT_MS);
  const afterMs = performance.now() - removedAt;
  const earlier = await Promise.all(faulted.earlier.map((order) => client.awaitEnd(order, END_STATE_LIMIT_MS)));
  return {
    response: faulted.placed.response,
    tookMs: faulted.placed.tookMs,
    hits: faulted.hits,
    end: status === undefined ? undefined : { status, afterMs },
    errors: earlier.includes(undefined) ? ['an earlier order did not reach its end state'] : [],
  };
}

/**
 * Places orders until one is confirmed at once and its events are published: then every connection that an order needs is open. A
 * connection may be broken without the service having noticed it yet.
 */
async function warmUp({ status }: FaultyPlatform, client: OrderClient, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(RECOVERY_LIMIT_MS)]);
  let isConfirmed = false;
  let last = '';
  while (!over.aborted) {
    if (!isConfirmed) {
      const { response } = await client.place();
      isConfirmed = 'outcome' in response && response.outcome === 'CONFIRMED';
      last = JSON.stringify(response);
    }
    const { broker, outbox } = (await status.getStatus({})).status ?? {};
    if (isConfirmed && broker?.connected && outbox?.unsent === 0n) return;
    await pause(POLL_MS, over);
  }
  throw new Error(
    `the platform was not healthy before the fault: ${isConfirmed ? 'its events are not published' : last}`,
  );
}

type FaultedOrder = { readonly placed: PlacedOrder; readonly earlier: readonly PlacedOrder[]; readonly hits: number };

async function placeUnderFault(
  { proxies }: FaultyPlatform,
  client: OrderClient,
  cell: Cell,
  signal: AbortSignal,
): Promise<FaultedOrder> {
  using fault = proxies[cell.dependency].inject(cell.create(), cell.options);
  const earlier: PlacedOrder[] = [];
  while (earlier.length < cell.ordersBefore) earlier.push(await client.place());
  // A fault may already have acted on open connections: these hits count for the judged order, which uses them.
  const hitsBefore = cell.ordersBefore > 0 ? fault.hits : 0;
  const placed = await client.place();
  await awaitHit(fault, hitsBefore, signal);
  return { placed, earlier, hits: fault.hits - hitsBefore };
}

async function awaitHit(fault: FaultHandle, hitsBefore: number, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(HIT_LIMIT_MS)]);
  while (fault.hits === hitsBefore && !over.aborted) await pause(POLL_MS, over);
}

function countStarts({ stack, services }: FaultyPlatform): number[] {
  return services.map((name) => stack.restarts(name));
}
