// Any event that tells of an order's step and of nothing more: stores the step, in the transaction that records the event.
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { createValidation } from '../platform/base/validation.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { readTime } from './event-times.ts';
import { isKept, type SalesStep } from './sales.ts';
import { insertStep } from './sales-store.ts';

/** What a step is told by. */
export type StepEvent = { readonly orderId: string; readonly synthetic: boolean };

/** Tells of the change once it is committed. `timeField` names the event's time. Throws DomainError `invalid_argument`. */
export async function onOrderStep(
  changed: () => void,
  step: SalesStep,
  event: StepEvent,
  [timeField, timestamp]: readonly [string, Timestamp | undefined],
  transaction: Transaction,
  reason: number | null = null,
): Promise<void> {
  const { orderId, synthetic } = event;
  const validation = createValidation();
  validation.text('order_id', orderId);
  const time = readTime(validation, timeField, timestamp, { required: true });
  validation.throwIfInvalid();
  if (time === undefined) return;
  const taken = { orderId, step, time, synthetic };
  if (isKept(taken) && (await insertStep(transaction, taken, reason))) transaction.afterCommit(changed);
}
