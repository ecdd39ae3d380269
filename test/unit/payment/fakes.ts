// Fakes and mocks of the dependencies of the payment use cases: an in-memory store, a scripted provider.
import { create } from '@bufbuild/protobuf';
import { vi } from 'vitest';
import { type ProcessPaymentRequest, ProcessPaymentRequestSchema } from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { Charge, StoredCharge } from '#services/payment/charge.ts';
import type { ChargeStore } from '#services/payment/charge-store.ts';
import type { ProviderClient } from '#services/payment/provider-client.ts';
import type { ChargingProvider, Run, SettlementDependencies } from '#services/payment/settlement.ts';
import { startDeadline } from '#services/platform/base/deadline.ts';
import type { OutgoingEvent } from '#services/platform/messaging/event.ts';
import { createLog } from '#services/platform/observability/log.ts';

/** A valid request, changed as given. */
export function requestOf(changes: object = {}): ProcessPaymentRequest {
  return create(ProcessPaymentRequestSchema, {
    orderId: 'o1',
    idempotencyKey: 'key-1',
    customerId: 'cust123',
    amount: { currencyCode: 'EUR', minorUnits: 5999n },
    paymentMethod: 'pm_approved',
    ...changes,
  });
}

export const silentLog = createLog({ service: 'payment', level: 'silent' });

/** An open charge of 59.99 EUR, changed as given. */
export function chargeOf(changes: Partial<Charge> = {}): Charge {
  return {
    orderId: 'o1',
    customerId: 'cust123',
    amount: { currencyCode: 'EUR', minorUnits: 5999n },
    status: 'CHARGING',
    transactionId: '',
    declineCode: '',
    declineMessage: '',
    synthetic: false,
    version: 1,
    createTime: new Date('2026-01-02T03:04:05.678Z'),
    updateTime: new Date('2026-01-02T03:04:05.678Z'),
    ...changes,
  };
}

/** A stored charge, changed as given. */
export function storedCharge(
  changes: Partial<Charge> = {},
  rest: Partial<Omit<StoredCharge, 'charge'>> = {},
): StoredCharge {
  const charge = chargeOf(changes);
  return {
    charge,
    paymentMethod: charge.status === 'CHARGING' ? 'pm_approved' : '',
    refundRequested: false,
    attempt: 1,
    intentAgeMs: 0,
    callWindowMs: 0,
    awaitingLateCapture: false,
    traceparent: '',
    ...rest,
  };
}

export type MemoryStore = ChargeStore & {
  readonly rows: Map<string, StoredCharge & { requestHash: string; idempotencyKey: string; refundKey: string }>;
  readonly events: OutgoingEvent[];
};

/** Creates an in-memory store with these charges; it follows the rules of the real one. */
export function createMemoryStore(...charges: readonly StoredCharge[]): MemoryStore {
  const rows: MemoryStore['rows'] = new Map();
  const events: OutgoingEvent[] = [];
  const put = (
    stored: StoredCharge,
    keys: { requestHash?: string; idempotencyKey?: string; refundKey?: string } = {},
  ) => {
    const before = rows.get(stored.charge.orderId);
    rows.set(stored.charge.orderId, {
      requestHash: '',
      idempotencyKey: '',
      refundKey: '',
      ...before,
      ...stored,
      ...keys,
    });
    return rows.get(stored.charge.orderId);
  };
  const callable = (orderId: string) => {
    const row = rows.get(orderId);
    return row?.charge.status === 'CHARGING' && !row.refundRequested ? row : undefined;
  };
  for (const stored of charges) put(stored);
  return {
    rows,
    events,
    insertIntent: async ({ idempotencyKey, requestHash, paymentMethod, ...content }) => {
      const taken = [...rows.values()].some(
        (row) => row.charge.orderId === content.orderId || row.idempotencyKey === idempotencyKey,
      );
      return taken ? undefined : put(storedCharge(content, { paymentMethod }), { idempotencyKey, requestHash });
    },
    findKnown: async (orderId, idempotencyKey) =>
      [...rows.values()]
        .filter((row) => row.charge.orderId === orderId || row.idempotencyKey === idempotencyKey)
        .map((stored) => ({ stored, requestHash: stored.requestHash })),
    find: async (orderId) => rows.get(orderId),
    extendCallWindow: async (orderId) => callable(orderId),
    startNewAttempt: async (orderId, attempt) => {
      const row = callable(orderId);
      return row?.attempt === attempt ? put({ ...row, attempt: attempt + 1, intentAgeMs: 0 }) : undefined;
    },
    requestRefund: async (orderId, refundKey) => {
      const isForeign = [...rows.values()].some((row) => row.refundKey === refundKey && row.charge.orderId !== orderId);
      if (isForeign) return undefined;
      const row = rows.get(orderId);
      if (row !== undefined) return put({ ...row, refundRequested: true }, { refundKey: row.refundKey || refundKey });
      const tombstone = { orderId, customerId: '', amount: undefined, status: 'TOMBSTONE' } as const;
      return put(storedCharge(tombstone, { refundRequested: true }), { refundKey });
    },
    save: async (next, saved) => {
      const row = rows.get(next.orderId);
      if (row?.charge.version !== next.version - 1) return undefined;
      events.push(...saved);
      return put({ ...row, charge: next, paymentMethod: '' });
    },
    claimDue: async (limit) => [...rows.values()].slice(0, limit),
    list: async (_filter, { size }) => [...rows.values()].map(({ charge }) => charge).slice(0, size + 1),
  };
}

/** Creates a mock provider; a call without a scripted answer fails the test. */
export function createProvider() {
  const unexpected = (name: string) => async (): Promise<never> => {
    throw new Error(`unexpected call of ${name}`);
  };
  return {
    charge: vi.fn<ProviderClient['charge']>(unexpected('charge')),
    findCharge: vi.fn<ProviderClient['findCharge']>(unexpected('findCharge')),
    refund: vi.fn<ProviderClient['refund']>(unexpected('refund')),
  };
}

export const captured = { kind: 'captured', transactionId: 'ch_1', refunded: false } as const;
export const declined = { kind: 'declined', code: 'insufficient_funds', message: 'Insufficient funds' } as const;
export const unknown = { kind: 'unknown', reason: 'no answer' } as const;
export const inFlight = { kind: 'in_flight' } as const;
export const none = { kind: 'none' } as const;

/** Builds the dependencies of a settlement with the store and the provider. */
export function createSettlement(store: ChargeStore, provider: ChargingProvider) {
  const wakeRelay = vi.fn();
  const now = () => new Date('2026-01-02T03:04:06.000Z');
  const dependencies: SettlementDependencies = {
    store,
    providerFor: () => provider,
    keySafeMs: 1_000,
    wakeRelay,
    now,
    log: silentLog,
  };
  return { dependencies, wakeRelay };
}

/** A run that ends after `budgetMs`. */
export function runFor(budgetMs = 5_000, signal: AbortSignal = new AbortController().signal): Run {
  return { deadline: startDeadline(budgetMs), signal };
}
