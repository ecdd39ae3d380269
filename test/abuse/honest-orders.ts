// Honest customers: orders at a steady pace, each with the time its answer took.
import { randomUUID } from 'node:crypto';
import { pause } from '../../services/platform/base/backoff.ts';
import type { OrderCaller } from '../bench/overload/order-caller.ts';
import { PLENTIFUL } from '../chaos/soak/scenario.ts';

export type HonestOrders = {
  /** Of the accepted orders. */
  readonly latenciesMs: readonly number[];
  /** Codes of the orders that were not accepted. */
  readonly failures: readonly string[];
};

/** Places `perSecond` orders a second for this long, whether or not earlier ones are answered. */
export async function placeOrders(
  caller: OrderCaller,
  { seconds, perSecond }: { readonly seconds: number; readonly perSecond: number },
  signal: AbortSignal,
): Promise<HonestOrders> {
  const latenciesMs: number[] = [];
  const failures: string[] = [];
  const place = async (number: number): Promise<void> => {
    const order = {
      idempotencyKey: randomUUID(),
      customerId: `honest-${number % 20}`,
      productId: PLENTIFUL[number % PLENTIFUL.length] ?? PLENTIFUL[0],
    };
    const startMs = performance.now();
    const outcome = await caller.place(order);
    if ('acknowledged' in outcome) latenciesMs.push(performance.now() - startMs);
    else failures.push(outcome.code);
  };
  const startMs = performance.now();
  const placing: Promise<void>[] = [];
  for (let number = 0; number < seconds * perSecond; number += 1) {
    await pause(Math.max(0, startMs + (1_000 * number) / perSecond - performance.now()), signal);
    signal.throwIfAborted();
    placing.push(place(number));
  }
  await Promise.all(placing);
  return { latenciesMs, failures };
}
