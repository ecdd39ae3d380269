// The journey of an order as rows of a waterfall: each step with its beginning, its length and how it ended.
import { OrderReason, OrderReasonSchema, OrderStatus, OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import { millisecondsOf, type Time } from './times.ts';

/** The part of shop.order.v1.TimelineEntry that is read. */
export type Entry = {
  readonly step: OrderStep;
  readonly state: StepState;
  readonly time?: Time | undefined;
  readonly detail: string;
};

export type StepRow = {
  readonly label: string;
  readonly outcome: 'done' | 'refused' | 'retrying';
  readonly detail: string;
  /** From the beginning of the order to that of the step, as a share of the whole. */
  readonly start: number;
  /** The length of the step as a share of the whole. */
  readonly share: number;
  readonly milliseconds: number;
};

const LABELS: Readonly<Record<OrderStep, string>> = {
  [OrderStep.UNSPECIFIED]: 'Unknown step',
  [OrderStep.CREATE]: 'Accept the order',
  [OrderStep.RESERVE_STOCK]: 'Reserve stock',
  [OrderStep.PROCESS_PAYMENT]: 'Charge the customer',
  [OrderStep.DECIDE]: 'Store the verdict',
  [OrderStep.CONFIRM_RESERVATION]: 'Confirm the reservation',
  [OrderStep.RELEASE_RESERVATION]: 'Release the stock',
  [OrderStep.REFUND_PAYMENT]: 'Refund the charge',
  [OrderStep.FINISH]: 'Reach the final state',
};
const OUTCOMES: Readonly<Record<StepState, StepRow['outcome']>> = {
  [StepState.UNSPECIFIED]: 'done',
  [StepState.DONE]: 'done',
  [StepState.REFUSED]: 'refused',
  [StepState.RETRYING]: 'retrying',
};

/** The rows of a timeline, oldest first. A step lasts from the end of the one before it to its own end. */
export function stepRows(timeline: readonly Entry[]): StepRow[] {
  const ends = timeline.map(({ time }) => millisecondsOf(time) ?? 0);
  const first = ends[0] ?? 0;
  const whole = Math.max(1, (ends.at(-1) ?? first) - first);
  return timeline.map(({ step, state, detail }, at) => {
    const begin = ends[at - 1] ?? first;
    const milliseconds = Math.max(0, (ends[at] ?? begin) - begin);
    return {
      label: LABELS[step] ?? 'Unknown step',
      outcome: OUTCOMES[state] ?? 'done',
      detail,
      start: Math.max(0, begin - first) / whole,
      share: milliseconds / whole,
      milliseconds,
    };
  });
}

export type Tone = 'good' | 'wait' | 'bad' | 'quiet';

const STATUSES: Readonly<Record<OrderStatus, { readonly label: string; readonly tone: Tone }>> = {
  [OrderStatus.UNSPECIFIED]: { label: 'UNKNOWN', tone: 'quiet' },
  [OrderStatus.PENDING]: { label: 'PENDING', tone: 'wait' },
  [OrderStatus.CONFIRMED]: { label: 'CONFIRMED', tone: 'good' },
  [OrderStatus.FAILED]: { label: 'FAILED', tone: 'bad' },
  [OrderStatus.CANCELLED]: { label: 'CANCELLED', tone: 'quiet' },
  [OrderStatus.REFUNDED]: { label: 'REFUNDED', tone: 'quiet' },
};

/** The label of a status, and its tone. */
export function describeStatus(status: OrderStatus): { readonly label: string; readonly tone: Tone } {
  return STATUSES[status] ?? STATUSES[OrderStatus.UNSPECIFIED];
}

/** Why an order is not confirmed, in words: `payment timeout`; empty when nothing failed. */
export function describeReason(reason: OrderReason): string {
  if (reason === OrderReason.UNSPECIFIED) return '';
  const name = OrderReasonSchema.value[reason]?.localName ?? 'unknown';
  return name.toLowerCase().replaceAll('_', ' ');
}

/** Whether a status may still change by itself. */
export function isOpen(status: OrderStatus): boolean {
  return status === OrderStatus.PENDING;
}
