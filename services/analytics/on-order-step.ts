// The handler of every event that only reports a step of an order: stores the step, in the transaction that records the event.
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { createValidation } from '../platform/base/validation.ts';
import type { Transaction } from '../platform/storage/database.ts';
import { readTime } from './event-times.ts';
import { isKept, type SalesStep } from './sales.ts';
import { insertStep } from './sales-store.ts';

/** The fields of an event that reports a step. */
export type StepEvent = { readonly orderId: string; readonly synthetic: boolean };

/**
 * Calls `changed` once the change is committed.
 * @param timestamp the name and the value of the event's time field.
 * @throws {DomainError} `invalid_argument`.
 */
export async function onOrderStep(
  changed: () => void,
  step: SalesStep,
  event: StepEvent,
  timestamp: readonly [string, Timestamp | undefined],
  transaction: Transaction,
  reason: number | null = null,
): Promise<void> {
  const { orderId, synthetic } = event;
  const validation = createValidation();
  validation.text('order_id', orderId);
  const time = readTime(validation, ...timestamp, { required: true });
  validation.throwIfInvalid();
  if (time === undefined) return;
  const taken = { orderId, step, time, synthetic };
  if (isKept(taken) && (await insertStep(transaction, taken, reason))) transaction.afterCommit(changed);
}
