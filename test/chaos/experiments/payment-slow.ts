// Payments take five seconds longer: customers get an answer in time, and no order is charged twice.
import { latency } from '@touchstone/kit';
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { injectOnLinks } from './runner/faults.ts';
import { areChargedOnce, describeAll, haveStatus, placeOrder, placeOrders, within } from './runner/orders.ts';
import { isStillServing } from './runner/steady-state.ts';

const DELAY_MS = 5_000;
const ANSWER_MS = 3_000;
const FAST_MS = 1_500;
const BREAKER_THRESHOLD = 5;

export const paymentSlow = defineExperiment({
  name: 'payment-slow',
  title: 'Payments take 5 s longer',
  section: '8.4',
  hypothesis:
    'An order is answered in under 3.0 s, with TIMEOUT; from the sixth on the circuit breaker answers at once, without a call. Without ' +
    'the delay, every order completes, charged exactly once.',
  fault: `Every answer of ProcessPayment reaches the order service ${DELAY_MS} ms late.`,
  blastRadius: 'Orders wait for their payment. Stock, quotes and reading orders still work.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy: 'The number of answers that the proxy between order and payment delayed.',
  scenariosPerSecond: 0,
  platform: 'shared',
  inject: async ({ subject }) =>
    injectOnLinks(
      subject,
      ['order>payment'],
      [{ fault: latency({ delayMs: DELAY_MS }), options: { rpc: 'shop.payment.v1.PaymentService/ProcessPayment' } }],
    ),
  observe: async ({ subject, random, check }: ExperimentContext) => {
    const placed = await placeOrders(subject, random, BREAKER_THRESHOLD);
    check('The first five orders end in TIMEOUT for PAYMENT_TIMEOUT', {
      holds: placed.every(({ outcome, reason }) => outcome === 'TIMEOUT' && reason === 'PAYMENT_TIMEOUT'),
      seen: describeAll(placed),
    });
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each of them is answered in under 3.0 s', within('the slowest', slowestMs, ANSWER_MS));
    const sixth = await placeOrder(subject, random);
    check('The sixth fails fast: CIRCUIT_OPEN', {
      holds: sixth.outcome === 'CIRCUIT_OPEN',
      seen: describeAll([sixth]),
    });
    check('and does not wait for a payment', within('answered in', sixth.tookMs, FAST_MS));
    return [...placed, sixth];
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes when the delay is gone', 30_000, () => haveStatus(subject, placed));
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});
