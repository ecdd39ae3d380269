// The checker of the platform's invariants: what must be true of all services together once no work is pending.
//
// 1. quiescence.ts polls until two polls in a row find no pending order, event, mail, charge or refund.
// 2. collect.ts reads the facts: rows of the five databases, the streams (streams.ts), the provider's ledger and the mailbox
//    (external-sources.ts). facts.ts has their types. The caller adds the orders that CreateOrder acknowledged to clients.
// 3. judge.ts runs every invariant over the facts: money.ts, stock.ts, orders.ts, sales.ts and events.ts, each a list of pure
//    functions from facts to violations. An invariant holds, is violated, or is unknown where a source cannot be read.
// 4. table.ts renders the verdicts.
//
// violation-examples*.ts break the facts of clean-facts.ts in one place each: every invariant has to find its examples.
import { OrderStatusSchema } from '#gen/shop/order/v1/order_pb.ts';
import { type CreateOrderResponse, CreateOrderResponse_OutcomeSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import type { Stack } from '#local/stack/stack.ts';
import { type CallerFacts, collectFacts } from './collect.ts';
import type { AcknowledgedOrder, InvariantSources } from './facts.ts';
import { judgeInvariants, type Verdict } from './judge.ts';
import { waitForQuiescence } from './quiescence.ts';

export { collectFacts } from './collect.ts';
export type { AcknowledgedOrder } from './facts.ts';
export { judgeInvariants } from './judge.ts';
export { waitForQuiescence } from './quiescence.ts';
export { listViolations } from './table.ts';

const QUIESCENCE_MS = 60_000;

/**
 * Waits for quiescence, then judges every invariant. A platform that is still busy after `timeoutMs` (default 60,000) is judged
 * in that state, and `quiescent` is violated.
 *
 * @throws {SourceUnavailable} a source of facts cannot be read.
 */
export async function checkInvariants(
  sources: InvariantSources,
  { timeoutMs = QUIESCENCE_MS, ...known }: CallerFacts & { readonly timeoutMs?: number } = {},
): Promise<Verdict[]> {
  await waitForQuiescence(sources, { timeoutMs });
  return judgeInvariants(await collectFacts(sources, known));
}

/** Returns the sources of facts of a running stack. */
export function sourcesOf(stack: Pick<Stack, 'databaseUrl' | 'natsUrl' | 'url'>): InvariantSources {
  return {
    databaseUrls: {
      order: stack.databaseUrl('order'),
      inventory: stack.databaseUrl('inventory'),
      payment: stack.databaseUrl('payment'),
      notification: stack.databaseUrl('notification'),
      analytics: stack.databaseUrl('analytics'),
    },
    natsUrl: stack.natsUrl('admin'),
    providerUrl: stack.url('provider'),
    mailboxUrl: stack.url('mailbox'),
  };
}

/**
 * Returns what an answer of CreateOrder acknowledged to its client.
 *
 * @throws {Error} the answer holds no order.
 */
export function acknowledgedOrder(idempotencyKey: string, { order, outcome }: CreateOrderResponse): AcknowledgedOrder {
  if (order === undefined) throw new Error(`the answer to key ${idempotencyKey} holds no order`);
  const status = OrderStatusSchema.value[order.status]?.localName as AcknowledgedOrder['status'];
  const outcomeName = CreateOrderResponse_OutcomeSchema.value[outcome]?.localName ?? String(outcome);
  return { idempotencyKey, orderId: order.orderId, status, outcome: outcomeName };
}
