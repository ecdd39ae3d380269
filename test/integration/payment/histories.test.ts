// Random histories of payments, refunds and losses: money is captured at most once, and every answer stays true.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChargeStatus, ChargeStatusSchema } from '#gen/shop/payment/v1/payment_pb.ts';
import type { Charge } from '#services/payment/charge.ts';
import { createChargeStore } from '#services/payment/charge-store.ts';
import { processPayment } from '#services/payment/process-payment.ts';
import { refundPayment } from '#services/payment/refund-payment.ts';
import { settleOpenCharges } from '#services/payment/settle-open-charges.ts';
import { createSettlements } from '#services/payment/settlements.ts';
import { DomainError } from '#services/platform/base/errors.ts';
import { createDatabase, type Database } from '#services/platform/storage/database.ts';
import { checkHistories, historyRuns, historyTimeoutMs } from '../../support/histories.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { testCall } from '../../support/services/call.ts';
import { silentLog } from '../../support/services/order-builders.ts';
import { type Answer, findMoneyFaults } from './history-checks.ts';
import { CALL_FATES, type CallFate, createScriptedProvider } from './history-provider.ts';

const RUNS = historyRuns(25);
const ORDERS = ['order-a', 'order-b'] as const;
// Long enough for an answered call, short enough for an unanswered one.
const SETTLE_MS = 60;
const KEY_SAFE_MS = 30 * 60_000;
const MAX_ROUNDS_TO_REST = 15;

type Step =
  | { readonly kind: 'pay'; readonly orderId: string; readonly amount: bigint; readonly paymentMethod: string }
  | { readonly kind: 'refund'; readonly orderId: string }
  /** Runs the background: every open charge is due. */
  | { readonly kind: 'settle' }
  /** A call that its caller abandoned takes effect at the provider. */
  | { readonly kind: 'happen' }
  /** The call windows end. */
  | { readonly kind: 'lapse' }
  /** Time passes: keys get old, and the provider forgets the oldest. */
  | { readonly kind: 'age' };

const orderId = fc.constantFrom(...ORDERS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('pay' as const),
      orderId,
      amount: fc.constantFrom(5_999n, 5_999n, 5_999n, 1n),
      paymentMethod: fc.constantFrom('pm_approved', 'pm_approved', 'pm_declined'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('refund' as const), orderId }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'settle' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'happen' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'lapse' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'age' as const }) },
);

type History = { readonly rounds: readonly (readonly Step[])[]; readonly fates: readonly CallFate[] };
/** The rounds run one after the other, the steps of a round at once. */
const histories: fc.Arbitrary<History> = fc.record({
  rounds: fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 7 }),
  fates: fc.array(fc.oneof(fc.constant('answered' as const), fc.constantFrom(...CALL_FATES)), { maxLength: 12 }),
});

describe('money, through every history of payments, refunds and losses', () => {
  it(
    'is captured once or not at all, and every answer stays true',
    async () => {
      await using resources = new AsyncDisposableStack();
      const { databaseUrl } = resources.use(await createTestDatabase('payment'));
      const database = createDatabase({ url: databaseUrl, size: 6, timeoutMs: 10_000, log: silentLog });
      resources.defer(() => database.close());

      const property = fc.asyncProperty(histories, async ({ rounds, fates }) => {
        await database.query('truncate charge, outbox');
        const fixture = openProviderTap(database, fates);
        for (const steps of rounds) await fixture.play(steps);
        await fixture.rest();
        expect(await findMoneyFaults(database, fixture.answers, fixture.provider.charges)).toEqual([]);
      });

      await checkHistories('test/integration/payment/histories.test.ts', property, RUNS);
    },
    historyTimeoutMs(RUNS),
  );
});

function openProviderTap(database: Database, fates: readonly CallFate[]) {
  let calls = 0;
  const provider = createScriptedProvider(() => fates[calls++] ?? 'answered');
  const store = createChargeStore(database, { callMs: 10_000, settleAfterMs: 10_000, lateCaptureWindowMs: 3_600_000 });
  const settlements = createSettlements<Charge>({ timeoutMs: SETTLE_MS, log: silentLog });
  const settlement = {
    store,
    providerFor: () => provider,
    keySafeMs: KEY_SAFE_MS,
    wakeRelay: () => undefined,
    now: () => new Date(),
    log: silentLog,
  };
  const dependencies = { store, settlement, settlements, syntheticCredential: undefined };
  const { signal } = new AbortController();
  const answers: Answer[] = [];

  const ask = async (
    step: Answer['step'],
    call: () => Promise<{ charge: { status: ChargeStatus; transactionId: string } }>,
  ) => {
    try {
      const { status, transactionId } = (await call()).charge;
      answers.push({ step, reported: ChargeStatusSchema.value[status]?.localName ?? '', transactionId });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      // No outcome: the caller retries.
      if (error.kind !== 'unavailable') answers.push({ step, reported: error.reason, transactionId: '' });
    }
  };
  const settle = async (): Promise<void> => {
    await database.query(`update charge set due_time = now() - interval '1 second' where due_time is not null`);
    await settleOpenCharges(dependencies, signal);
  };
  const lapse = () => database.query(`update charge set call_until = now() - interval '1 second'`);

  const act = async (step: Step): Promise<unknown> => {
    switch (step.kind) {
      case 'pay': {
        const { orderId, amount, paymentMethod } = step;
        const request = {
          $typeName: 'shop.payment.v1.ProcessPaymentRequest' as const,
          orderId,
          idempotencyKey: `key of ${orderId}`,
          customerId: 'cust123',
          amount: { $typeName: 'shop.common.v1.Money' as const, currencyCode: 'EUR', minorUnits: amount },
          paymentMethod,
          synthetic: false,
        };
        return await ask(step, () => processPayment(dependencies, request, testCall()));
      }
      case 'refund': {
        const { orderId } = step;
        const $typeName = 'shop.payment.v1.RefundPaymentRequest';
        const request = { $typeName, orderId, idempotencyKey: `refund key of ${orderId}` } as const;
        return await ask(step, () => refundPayment(dependencies, request, testCall()));
      }
      case 'settle':
        return await settle();
      case 'happen':
        return provider.late.shift()?.happen();
      case 'lapse':
        return await lapse();
      case 'age':
        provider.age();
        await lapse();
        return await database.query(`update charge set intent_time = intent_time - interval '40 minutes'`);
    }
  };

  return {
    provider,
    answers,
    play: async (steps: readonly Step[]): Promise<void> => {
      // Wait for all before a failure is thrown: a step still running would affect the next history.
      const results = await Promise.allSettled(steps.map(act));
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
    /** Lets every late call take effect, then runs the background until nothing is open. */
    rest: async (): Promise<void> => {
      calls = fates.length;
      for (let round = 0; round < MAX_ROUNDS_TO_REST; round += 1) {
        for (const { happen } of provider.late.splice(0)) happen();
        await lapse();
        await settle();
      }
    },
  };
}
