// The client of the payment provider: three calls, each with a typed result. A missing response or a failure is `unknown`, never a
// decline: the provider may have captured the money.

import { describeError } from '../platform/base/errors.ts';
import type { Money } from '../platform/base/money.ts';
import { z } from '../platform/base/settings.ts';
import { cleanText, findTextFault } from '../platform/base/text.ts';
import type { BreakerView } from '../platform/client/breaker.ts';
import type { CallPolicy } from '../platform/client/call-policy.ts';
import { type CallFailure, DependencyError } from '../platform/client/dependency-error.ts';
import type { Decision } from './charge.ts';
import { NoAnswer, type ProviderAnswer, type ProviderHttp, type ProviderRequest } from './provider-http.ts';

const MAX_ID_LENGTH = 500;

/** The first call with the key is still in flight. */
type InFlight = { readonly kind: 'in_flight' };
/**
 * The call has no definite outcome. `reason` is for the log; `failedItself`: the provider answered this call, with an error of its own.
 */
type Unknown = { readonly kind: 'unknown'; readonly reason: string; readonly failedItself?: boolean };

export type ChargeResult =
  | Decision
  | InFlight
  | Unknown
  /** The provider has the key with other content. */
  | { readonly kind: 'key_conflict' };
export type FindResult = Decision | InFlight | Unknown | { readonly kind: 'none' };
export type RefundResult = { readonly kind: 'refunded' } | InFlight | Unknown;

export type ChargeOrder = {
  readonly orderId: string;
  readonly customerId: string;
  readonly amount: Money;
  readonly paymentMethod: string;
};

export type CallOptions = {
  readonly timeoutMs: number;
  /** Whether a failure counts for the breaker: the retries of one order must not open it on their own. */
  readonly counted: boolean;
};

export type ProviderClient = {
  readonly name: string;
  breaker(): BreakerView;
  /** Charges at most once for each key. */
  charge(key: string, order: ChargeOrder, options: CallOptions): Promise<ChargeResult>;
  /** Looks the charge of an order up, whatever its key. */
  findCharge(orderId: string, options: CallOptions): Promise<FindResult>;
  /** Refunds a captured charge; an earlier refund is a success. */
  refund(key: string, charge: { transactionId: string; amount: Money }, options: CallOptions): Promise<RefundResult>;
  stop(): Promise<void>;
};

// An id is sent back for a refund, so it is kept as it is or not at all.
const idSchema = z
  .string()
  .min(1)
  .max(MAX_ID_LENGTH)
  .refine((id) => findTextFault(id) === undefined);
const chargeSchema = z.object({
  id: idSchema,
  status: z.enum(['pending', 'captured', 'declined']),
  failure_code: z.string().optional(),
  failure_message: z.string().optional(),
  refund_id: z.string().optional(),
});
const chargesSchema = z.object({ charges: z.array(chargeSchema) });
const refundSchema = z.object({ id: idSchema });
const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string().optional() }) });
const badRequestSchema = z.object({ error: z.object({ fields: z.array(z.object({ field: z.string() })) }) });

/** Failures by HTTP status; every other status from 500 on is an internal error. */
const FAILURES: ReadonlyMap<number, CallFailure> = new Map([
  [429, 'overloaded'],
  [502, 'unreachable'],
  [503, 'unreachable'],
  [504, 'timeout'],
]);

// Refused before anything was done. The provider's message may quote the payment method, a secret, so it is not kept.
const METHOD_REFUSED: Decision = {
  kind: 'declined',
  code: 'invalid_request',
  message: 'The payment method is not accepted',
};

type ProviderCharge = z.infer<typeof chargeSchema>;

/** Creates the client; every call goes through `policy`. */
export function createProviderClient({
  http,
  policy,
}: {
  readonly http: ProviderHttp;
  readonly policy: CallPolicy;
}): ProviderClient {
  const call = async (
    operation: string,
    request: Omit<ProviderRequest, 'timeoutMs'>,
    { timeoutMs, counted }: CallOptions,
  ): Promise<ProviderAnswer | Unknown> => {
    const send = async (tryMs: number): Promise<ProviderAnswer> =>
      requireAnswer(policy.name, await http.send({ ...request, timeoutMs: tryMs }));
    try {
      return await policy.call({ operation, timeoutMs, idempotent: true, counted, send });
    } catch (error) {
      if (!(error instanceof DependencyError)) throw error;
      return {
        kind: 'unknown',
        reason: describeError(error.cause ?? error),
        failedItself: error.failure === 'internal',
      };
    }
  };

  const post = (path: string, key: string, body: unknown) =>
    ({ method: 'POST', path, headers: { 'idempotency-key': key }, body }) as const;

  return {
    name: policy.name,
    breaker: policy.breaker,
    charge: async (key, order, callOptions) => {
      const body = {
        order_id: order.orderId,
        customer_id: order.customerId,
        amount: toAmount(order.amount),
        payment_method: order.paymentMethod,
      };
      return readCharge(await call('charge', post('v1/charges', key, body), callOptions));
    },
    findCharge: async (orderId, callOptions) => {
      const path = `v1/charges?${new URLSearchParams({ order_id: orderId })}`;
      return readCharges(await call('find_charge', { method: 'GET', path, headers: {} }, callOptions));
    },
    refund: async (key, { transactionId, amount }, callOptions) => {
      const body = { charge_id: transactionId, amount: toAmount(amount) };
      return readRefund(await call('refund', post('v1/refunds', key, body), callOptions));
    },
    stop: async () => http.stop(),
  };
}

/** Maps NoAnswer to a dependency failure; returns any other error, a bug of ours, unchanged. */
export function toProviderFailure(dependency: string, thrown: unknown): unknown {
  if (!(thrown instanceof NoAnswer)) return thrown;
  return new DependencyError({ dependency, failure: thrown.timedOut ? 'timeout' : 'unreachable', cause: thrown });
}

// The provider, or a gateway in front of it, failed: the outcome is unknown.
function requireAnswer(dependency: string, answer: ProviderAnswer): ProviderAnswer {
  const { status, retryAfterMs } = answer;
  const failure = FAILURES.get(status) ?? (status >= 500 ? 'internal' : undefined);
  if (failure === undefined) return answer;
  // The payment method of one customer may be why the provider itself fails: that says nothing about the charges of others.
  const countsAs = failure === 'internal' ? 'ignored' : undefined;
  throw new DependencyError({ dependency, failure, description: `answered ${status}`, retryAfterMs, countsAs });
}

function readCharge(answer: ProviderAnswer | Unknown): ChargeResult {
  if ('kind' in answer) return answer;
  switch (answer.status) {
    case 200: {
      const charge = chargeSchema.safeParse(answer.body);
      return charge.success ? toResult(charge.data) : unreadable(answer);
    }
    case 400:
      return refusesPaymentMethod(answer) ? METHOD_REFUSED : unreadable(answer);
    case 402: {
      const declined = errorSchema.safeParse(answer.body);
      if (!declined.success) return unreadable(answer);
      return toDecline(declined.data.error.code, declined.data.error.message);
    }
    case 409:
      return { kind: 'in_flight' };
    case 422:
      return { kind: 'key_conflict' };
    default:
      return unreadable(answer);
  }
}

// Normally an order has one charge. With more, held money decides first, then money that may still be captured.
function readCharges(answer: ProviderAnswer | Unknown): FindResult {
  if ('kind' in answer) return answer;
  const found = answer.status === 200 ? chargesSchema.safeParse(answer.body) : undefined;
  if (!found?.success) return unreadable(answer);
  const { charges } = found.data;
  const captured = charges.filter((charge) => charge.status === 'captured');
  const deciding =
    captured.find((charge) => charge.refund_id === undefined) ??
    charges.find((charge) => charge.status === 'pending') ??
    captured[0] ??
    charges[0];
  return deciding === undefined ? { kind: 'none' } : toResult(deciding);
}

function readRefund(answer: ProviderAnswer | Unknown): RefundResult {
  if ('kind' in answer) return answer;
  if (answer.status === 200 && refundSchema.safeParse(answer.body).success) return { kind: 'refunded' };
  if (answer.status === 409) return { kind: 'in_flight' };
  const refusal = errorSchema.safeParse(answer.body);
  const wasRefunded = answer.status === 422 && refusal.data?.error.code === 'charge_already_refunded';
  return wasRefunded ? { kind: 'refunded' } : unreadable(answer);
}

// Only a violation of the payment method alone is a decline. Any other means that the request was corrupted in transit or built
// wrongly here, which says nothing about the customer.
function refusesPaymentMethod({ body }: ProviderAnswer): boolean {
  const fields = badRequestSchema.safeParse(body).data?.error.fields ?? [];
  return fields.length > 0 && fields.every(({ field }) => field === 'payment_method');
}

function toResult(charge: ProviderCharge): Decision | InFlight {
  switch (charge.status) {
    case 'captured':
      return { kind: 'captured', transactionId: charge.id, refunded: charge.refund_id !== undefined };
    case 'declined':
      return toDecline(charge.failure_code, charge.failure_message);
    default:
      return { kind: 'in_flight' };
  }
}

function toDecline(code = '', message = ''): Decision {
  return { kind: 'declined', code, message };
}

function unreadable({ status, body }: ProviderAnswer): Unknown {
  const code = errorSchema.safeParse(body).data?.error.code ?? 'no known content';
  return { kind: 'unknown', reason: `the payment provider answered ${status} with ${cleanText(code, 100)}` };
}

function toAmount({ currencyCode, minorUnits }: Money) {
  return { currency_code: currencyCode, minor_units: Number(minorUnits) };
}
