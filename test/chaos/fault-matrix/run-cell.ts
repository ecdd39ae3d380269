// One cell: the platform well and its connections standing, then the fault, one order under it, the fault gone, the order's end.
import type { FaultHandle } from '@touchstone/kit';
import { pause } from '#services/platform/base/backoff.ts';
import { describeError } from '#services/platform/base/errors.ts';
import type { Cell } from './cells.ts';
import type { CellResult } from './judge.ts';
import type { OrderClient, PlacedOrder } from './order-client.ts';
import type { FaultyPlatform } from './platform.ts';

// How long the platform may take to be well again after the cell before, and an order to its end.
const WELL_MS = 30_000;
const END_MS = 30_000;
// What is done after the answer, such as publishing, meets the fault a little later.
const HIT_PATIENCE_MS = 2_000;
const POLL_MS = 20;

/** Runs a cell. Never throws for what it sees, but when `signal` calls it off. */
export async function runCell(
  platform: FaultyPlatform,
  client: OrderClient,
  cell: Cell,
  signal: AbortSignal,
): Promise<CellResult> {
  const before = countStarts(platform);
  const found = await tryCell(platform, client, cell, signal).catch((error: unknown) => ({
    ...NOTHING_FOUND,
    errors: [describeError(error)],
  }));
  signal.throwIfAborted();
  const deaths = platform.services.filter((name, index) => platform.stack.restarts(name) !== before[index]);
  return { cell, ...found, deaths };
}

type Found = Omit<CellResult, 'cell' | 'deaths'>;

const NOTHING_FOUND: Found = { response: undefined, tookMs: 0, hits: 0, end: undefined, errors: [] };

async function tryCell(platform: FaultyPlatform, client: OrderClient, cell: Cell, signal: AbortSignal): Promise<Found> {
  await warmUp(platform, client, signal);
  const faulted = await placeUnderFault(platform, client, cell, signal);
  const removedAt = performance.now();
  const status = await client.awaitEnd(faulted.placed, END_MS);
  const afterMs = performance.now() - removedAt;
  const others = await Promise.all(faulted.others.map((other) => client.awaitEnd(other, END_MS)));
  return {
    response: faulted.placed.response,
    tookMs: faulted.placed.tookMs,
    hits: faulted.hits,
    end: status === undefined ? undefined : { status, afterMs },
    errors: others.includes(undefined) ? ['an order placed before did not come to its end'] : [],
  };
}

/**
 * An order that is confirmed at once has had every connection an order needs. Its events went out by the broker's, which may
 * otherwise be lost already without anybody knowing.
 */
async function warmUp({ status }: FaultyPlatform, client: OrderClient, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(WELL_MS)]);
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
  throw new Error(`the platform was not well before the fault: ${isConfirmed ? 'its events do not go out' : last}`);
}

type FaultedOrder = { readonly placed: PlacedOrder; readonly others: readonly PlacedOrder[]; readonly hits: number };

async function placeUnderFault(
  { proxies }: FaultyPlatform,
  client: OrderClient,
  cell: Cell,
  signal: AbortSignal,
): Promise<FaultedOrder> {
  using fault = proxies[cell.dependency].inject(cell.create(), cell.options);
  const others: PlacedOrder[] = [];
  while (others.length < cell.ordersBefore) others.push(await client.place());
  // A fault that hits connections that stand has hit them already: those count for the order that finds them so.
  const hitsBefore = cell.ordersBefore > 0 ? fault.hits : 0;
  const placed = await client.place();
  await awaitHit(fault, hitsBefore, signal);
  return { placed, others, hits: fault.hits - hitsBefore };
}

async function awaitHit(fault: FaultHandle, hitsBefore: number, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(HIT_PATIENCE_MS)]);
  while (fault.hits === hitsBefore && !over.aborted) await pause(POLL_MS, over);
}

function countStarts({ stack, services }: FaultyPlatform): number[] {
  return services.map((name) => stack.restarts(name));
}
