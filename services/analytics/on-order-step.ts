// The reading of every event that only reports a step of an order.
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { createValidation } from '../platform/base/validation.ts';
import { readTime } from './event-times.ts';
import { isKept, type SalesStep } from './sales.ts';
import type { StepRow } from './sales-store.ts';

/** The fields of an event that reports a step. */
export type StepEvent = { readonly orderId: string; readonly synthetic: boolean };

/**
 * Returns the step to store; undefined when none is.
 * @param timestamp the name and the value of the event's time field.
 * @throws {DomainError} `invalid_argument`.
 */
export function readStep(
  step: SalesStep,
  { orderId, synthetic }: StepEvent,
  timestamp: readonly [string, Timestamp | undefined],
  reason: number | null = null,
): StepRow | undefined {
  const validation = createValidation();
  const time = readTime(validation, ...timestamp, { required: true });
  validation.throwIfInvalid();
  if (time === undefined) return undefined;
  const taken = { orderId, step, time, synthetic, reason };
  return isKept(taken) ? taken : undefined;
}
