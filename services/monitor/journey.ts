// The journeys: what each asks of the platform, and which end it must come to. Pure.

export type JourneyName = 'ORDER' | 'DECLINE' | 'CANCEL' | 'QUOTE';

export const JOURNEYS: readonly JourneyName[] = ['ORDER', 'DECLINE', 'CANCEL', 'QUOTE'];

/** What a journey orders or asks a price of. */
export const TEST_PRODUCT = 'test-product';
/** Who orders. */
export const TEST_CUSTOMER = 'monitor';

/** The ways a journey fails: few, because they are a metric's label. */
export type FailureKind =
  /** The order service did not answer. */
  | 'UNREACHABLE'
  /** It refused what it must take. */
  | 'REFUSED'
  /** It answered what it must not. */
  | 'WRONG_ANSWER'
  /** The order came to another end. */
  | 'WRONG_END'
  /** The order came to no end in time. */
  | 'TOO_SLOW'
  /** The monitor stopped in the middle. */
  | 'INTERRUPTED';

export const FAILURE_KINDS: readonly FailureKind[] = [
  'UNREACHABLE',
  'REFUSED',
  'WRONG_ANSWER',
  'WRONG_END',
  'TOO_SLOW',
  'INTERRUPTED',
];

/** A journey that went wrong. The message tells how. */
export class JourneyFailure extends Error {
  override readonly name = 'JourneyFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
  }
}

/** An order as far as a journey looks at it; states and reasons by their names in the contract, without prefix. */
export type SeenOrder = {
  readonly orderId: string;
  readonly status: string;
  readonly reason: string;
  readonly synthetic: boolean;
};

/** The journey of an order: how it is paid for, whether it is cancelled on the way, and its end. */
export type OrderJourney = {
  readonly paymentMethod: string;
  /** Cancelled while it is pending. */
  readonly cancels: boolean;
  readonly end: { readonly status: string; readonly reason: string };
};

/** The plans of the journeys that place an order. */
export const ORDER_JOURNEYS: Readonly<Record<Exclude<JourneyName, 'QUOTE'>, OrderJourney>> = {
  ORDER: { paymentMethod: 'pm_approved', cancels: false, end: { status: 'CONFIRMED', reason: 'UNSPECIFIED' } },
  DECLINE: {
    paymentMethod: 'pm_insufficient_funds',
    cancels: false,
    end: { status: 'FAILED', reason: 'PAYMENT_FAILED' },
  },
  // A provider that fails keeps the order pending for as long as it takes to cancel it.
  CANCEL: {
    paymentMethod: 'pm_provider_error',
    cancels: true,
    end: { status: 'CANCELLED', reason: 'CANCELLED_BY_CUSTOMER' },
  },
};

/** Throws JourneyFailure unless the order is the test order that was asked for. */
export function checkPlaced(order: SeenOrder | undefined): SeenOrder {
  if (order === undefined || order.orderId === '') throw new JourneyFailure('WRONG_ANSWER', 'the answer has no order');
  if (!order.synthetic) throw new JourneyFailure('WRONG_ANSWER', 'the order is not marked as synthetic');
  return order;
}

/** Whether an order has come to an end. */
export function hasEnded(order: SeenOrder): boolean {
  return order.status !== 'PENDING';
}

/** Throws JourneyFailure unless the order came to the end of its journey. */
export function checkEnd(order: SeenOrder, { end }: OrderJourney): void {
  if (order.status === end.status && order.reason === end.reason) return;
  const seen = describeEnd(order);
  throw new JourneyFailure('WRONG_END', `the order must be ${describeEnd(end)}, is ${seen}`);
}

/** A price as far as a journey looks at it; amounts in minor units. */
export type SeenQuote = {
  readonly total: bigint | undefined;
  readonly pricingVersion: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number; readonly amount: bigint }[];
};

/** Throws JourneyFailure unless the quote is for one piece of the test product and adds up. */
export function checkQuote({ total, pricingVersion, lines }: SeenQuote): void {
  const faults = [
    total === undefined || total <= 0n ? 'no price' : '',
    pricingVersion === '' ? 'no pricing version' : '',
    lines.length !== 1 || lines[0]?.productId !== TEST_PRODUCT || lines[0].quantity !== 1 ? 'other lines' : '',
    lines.reduce((sum, { amount }) => sum + amount, 0n) === total ? '' : 'a total that is not the sum of its lines',
  ].filter((fault) => fault !== '');
  if (faults.length > 0) throw new JourneyFailure('WRONG_ANSWER', `the quote has ${faults.join(', ')}`);
}

function describeEnd({ status, reason }: { readonly status: string; readonly reason: string }): string {
  return reason === 'UNSPECIFIED' ? status : `${status} (${reason})`;
}
