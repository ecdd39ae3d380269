// The one checker of the platform's promises: waits until nothing is left to do, collects the facts, judges them.
import { OrderStatusSchema } from '#gen/shop/order/v1/order_pb.ts';
import { type CreateOrderResponse, CreateOrderResponse_OutcomeSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import type { Stack } from '#local/stack/stack.ts';
import { collectFacts, type Known } from './collect.ts';
import type { InvariantSources, AcknowledgedOrder } from './facts.ts';
import { judgeInvariants, type Verdict } from './judge.ts';
import { waitForQuiescence } from './quiescence.ts';

export { collectFacts } from './collect.ts';
export type { AcknowledgedOrder } from './facts.ts';
export { judgeInvariants } from './judge.ts';
export { waitForQuiescence } from './quiescence.ts';
export { listViolations } from './table.ts';

const QUIESCENCE_MS = 60_000;

/**
 * Waits for quiescence, then judges every invariant. A platform still busy after `timeoutMs` (60,000) is judged as it is, and
 * `at-rest` does not hold. Throws SourceUnavailable when a part cannot be looked at.
 */
export async function checkInvariants(
  sources: InvariantSources,
  { timeoutMs = QUIESCENCE_MS, ...known }: Known & { readonly timeoutMs?: number } = {},
): Promise<Verdict[]> {
  await waitForQuiescence(sources, { timeoutMs });
  return judgeInvariants(await collectFacts(sources, known));
}

/** Where a running stack has its facts. */
export function sourcesOf(stack: Stack): InvariantSources {
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

/** What an answer of CreateOrder told a client. Throws when it holds no order. */
export function acknowledgedOrder(idempotencyKey: string, { order, outcome }: CreateOrderResponse): AcknowledgedOrder {
  if (order === undefined) throw new Error(`the answer to key ${idempotencyKey} holds no order`);
  const status = OrderStatusSchema.value[order.status]?.localName as AcknowledgedOrder['status'];
  const told = CreateOrderResponse_OutcomeSchema.value[outcome]?.localName ?? String(outcome);
  return { idempotencyKey, orderId: order.orderId, status, outcome: told };
}
