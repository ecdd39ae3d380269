// The steps of an order: written once, run by the plain loop, by Restate and by DBOS. Each step is an idempotent RPC.

/** What is ordered; plain data, so that an engine can store it. */
export type PlacedOrder = {
  readonly orderId: string;
  readonly customerId: string;
  readonly paymentMethod: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
};

export type OrderOutcome = 'CONFIRMED' | 'FAILED';

/** The participants of an order. A refusal is a result; what a retry may heal is an error. */
export type OrderSteps = {
  /** Returns the id of the reservation; undefined when there is not enough stock. */
  reserve(order: PlacedOrder): Promise<string | undefined>;
  /** Returns whether the customer was charged. */
  charge(order: PlacedOrder): Promise<boolean>;
  confirm(order: PlacedOrder, reservationId: string): Promise<void>;
  release(order: PlacedOrder, reservationId: string): Promise<void>;
  /** Undefined where no customer is notified. */
  readonly notify?: (order: PlacedOrder) => Promise<void>;
};

/** Runs one step, in the way of an engine. */
export type RunStep = <Result>(name: string, step: () => Promise<Result>) => Promise<Result>;

/**
 * Places an order: reserves, charges and confirms; releases the reservation when the charge is declined.
 *
 * @throws what a step throws, as often as the engine retries it.
 */
export async function placeOrder(order: PlacedOrder, steps: OrderSteps, run: RunStep): Promise<OrderOutcome> {
  // An engine stores JSON, which has no `undefined`.
  const reservationId = await run('reserve', async () => (await steps.reserve(order)) ?? null);
  if (reservationId === null) return 'FAILED';
  const isCharged = await run('charge', () => steps.charge(order));
  if (!isCharged) {
    await run('release', () => steps.release(order, reservationId));
    return 'FAILED';
  }
  await run('confirm', () => steps.confirm(order, reservationId));
  const { notify } = steps;
  if (notify !== undefined) await run('notify', () => notify(order));
  return 'CONFIRMED';
}
