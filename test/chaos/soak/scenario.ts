// The scenarios of a soak: what one customer does with one order. Drawn from the seed.
import type { Random } from './random.ts';

/** The kinds of scenario, with their share in percent. */
const SHARES = {
  /** The payment is approved at once. */
  approved: 73,
  /** The payment is approved by a slow provider. */
  slow: 2,
  /** The payment is declined. */
  declined: 8,
  /** More than the stock. */
  short: 2,
  /** The order is cancelled while it is PENDING. */
  cancelled: 6,
  /** The same request again, concurrently and afterwards. */
  duplicate: 8,
  /** The same key with another body, which is refused. */
  reused: 1,
} as const;

export type ScenarioKind = keyof typeof SHARES;

export type OrderRequest = {
  readonly idempotencyKey: string;
  readonly customerId: string;
  readonly items: { readonly productId: string; readonly quantity: number }[];
  readonly paymentMethod: string;
};

export type Scenario = {
  readonly kind: ScenarioKind;
  readonly request: OrderRequest;
  /** How long after the order the customer cancels, in milliseconds. */
  readonly cancelAfterMs: number;
};

/** Products that never run out, with the stock that a soak adds. */
export const PLENTIFUL = [
  '12345',
  'prod101',
  'prod102',
  'prod103',
  'prod104',
  'prod105',
  'prod456',
  'prod789',
] as const;
/** The stock added for each: more than a soak can sell. */
export const ADDED_STOCK = 1_000_000;

const SCARCE = 'prod106';
const TOO_MANY = 5_000;
const CUSTOMERS = 200;
const LATEST_CANCEL_MS = 1_500;

/** Draws the `number`-th scenario of the run with this name. */
export function drawScenario(random: Random, run: string, number: number): Scenario {
  const kind = drawKind(random);
  const quantities = random
    .shuffle(PLENTIFUL)
    .slice(0, random.integer(1, 3))
    .map((productId) => ({ productId, quantity: random.integer(1, 3) }));
  // A cancelled order has its own customer, because the client finds its pending order by customer.
  const customer = kind === 'cancelled' ? `of-${number}` : String(random.integer(1, CUSTOMERS));
  const isSlow = kind === 'slow' || (kind === 'cancelled' && random.next() < 0.5);
  const approved = isSlow ? 'pm_slow' : 'pm_approved';
  return {
    kind,
    cancelAfterMs: random.integer(0, LATEST_CANCEL_MS),
    request: {
      idempotencyKey: `${run}-${number}`,
      customerId: `${run}-${customer}`,
      items: kind === 'short' ? [{ productId: SCARCE, quantity: TOO_MANY }] : quantities,
      paymentMethod: kind === 'declined' ? 'pm_insufficient_funds' : approved,
    },
  };
}

function drawKind(random: Random): ScenarioKind {
  let drawn = random.integer(1, 100);
  for (const [kind, share] of Object.entries(SHARES)) {
    drawn -= share;
    if (drawn <= 0) return kind as ScenarioKind;
  }
  throw new Error('the shares of the scenario kinds do not add up to 100');
}
