// The synthetic journeys (probes): what each requests, and the result it expects. Pure.

export type JourneyName = 'ORDER' | 'DECLINE' | 'CANCEL' | 'QUOTE';

export const JOURNEYS: readonly JourneyName[] = ['ORDER', 'DECLINE', 'CANCEL', 'QUOTE'];

/** The product that journeys order or quote. */
export const TEST_PRODUCT = 'test-product';
/** The customer of the synthetic orders. */
export const TEST_CUSTOMER = 'monitor';

/** The kinds of failure: few, because they are the label of a metric. */
export type FailureKind =
  /** The order service did not answer. */
  | 'UNREACHABLE'
  /** It refused a valid request. */
  | 'REFUSED'
  /** It returned a wrong response. */
  | 'WRONG_ANSWER'
  /** The order ended in another state than expected. */
  | 'WRONG_END'
  /** The order did not end in time. */
  | 'TOO_SLOW'
  /** The monitor stopped during the run. */
  | 'INTERRUPTED';

export const FAILURE_KINDS: readonly FailureKind[] = [
  'UNREACHABLE',
  'REFUSED',
  'WRONG_ANSWER',
  'WRONG_END',
  'TOO_SLOW',
  'INTERRUPTED',
];

/** A failed journey. */
export class JourneyFailure extends Error {
  override readonly name = 'JourneyFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
  }
}

/** The fields of an order that a journey checks; states and reasons by their names in the contract, without prefix. */
export type SeenOrder = {
  readonly orderId: string;
  readonly status: string;
  readonly reason: string;
  readonly synthetic: boolean;
};

/** The plan of a journey that places an order. */
export type OrderJourney = {
  readonly paymentMethod: string;
  /** Whether the order is cancelled while it is pending. */
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
  // A failing provider keeps the order pending, so that it can be cancelled.
  CANCEL: {
    paymentMethod: 'pm_provider_error',
    cancels: true,
    end: { status: 'CANCELLED', reason: 'CANCELLED_BY_CUSTOMER' },
  },
};

/**
 * Checks that the order is synthetic.
 * @throws {JourneyFailure}
 */
export function checkPlaced(order: SeenOrder | undefined): SeenOrder {
  if (order === undefined || order.orderId === '') throw new JourneyFailure('WRONG_ANSWER', 'the answer has no order');
  if (!order.synthetic) throw new JourneyFailure('WRONG_ANSWER', 'the order is not marked as synthetic');
  return order;
}

/** Returns whether the order is in a final state. */
export function hasEnded(order: SeenOrder): boolean {
  return order.status !== 'PENDING';
}

/**
 * Checks that the order ended as its journey expects.
 * @throws {JourneyFailure}
 */
export function checkEnd(order: SeenOrder, { end }: OrderJourney): void {
  if (order.status === end.status && order.reason === end.reason) return;
  const seen = describeEnd(order);
  throw new JourneyFailure('WRONG_END', `the order must be ${describeEnd(end)}, is ${seen}`);
}

/** The fields of a quote that a journey checks; amounts in minor units. */
export type SeenQuote = {
  readonly total: bigint | undefined;
  readonly pricingVersion: string;
  readonly lines: readonly { readonly productId: string; readonly quantity: number; readonly amount: bigint }[];
};

/**
 * Checks that the quote is for one unit of the test product and adds up.
 * @throws {JourneyFailure}
 */
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
