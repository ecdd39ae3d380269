// What `make mutation` mutates, and the unit tests that must notice. A group is small, so that a mutant runs few tests.

export type MutationGroup = {
  readonly name: string;
  /** Paths and patterns of the mutated files. */
  readonly files: readonly string[];
  /** Paths and patterns of the tests. */
  readonly tests: readonly string[];
};

/** The environment variable that names a run's tests to vitest.config.ts, as JSON. */
export const TESTS_VARIABLE = 'MUTATION_TESTS';

export const GROUPS: readonly MutationGroup[] = [
  {
    name: 'order',
    files: ['services/order/order.ts', 'services/order/pricing.ts'],
    tests: [
      'test/unit/order/order.test.ts',
      'test/unit/order/order-access.test.ts',
      'test/unit/order/order-refund.test.ts',
      'test/unit/order/order-timeline.test.ts',
      'test/unit/order/pricing.test.ts',
    ],
  },
  {
    name: 'saga',
    files: [
      'services/order/order-saga.ts',
      'services/order/saga-table.ts',
      'services/order/order-changes.ts',
      'services/order/resume-orders.ts',
    ],
    tests: [
      'test/unit/order/order-saga*.test.ts',
      'test/unit/order/saga-table.test.ts',
      'test/unit/order/order-changes*.test.ts',
      'test/unit/order/background.test.ts',
      'test/unit/order/event-handlers.test.ts',
    ],
  },
  {
    name: 'payment',
    files: ['services/payment/charge.ts', 'services/payment/settlement.ts', 'services/payment/settlements.ts'],
    tests: [
      'test/unit/payment/charge*.test.ts',
      'test/unit/payment/settlement*.test.ts',
      'test/unit/payment/refund-payment.test.ts',
      'test/unit/payment/process-payment.test.ts',
    ],
  },
  {
    name: 'inventory',
    files: [
      'services/inventory/product.ts',
      'services/inventory/reservation.ts',
      'services/inventory/reserve-lines.ts',
    ],
    tests: ['test/unit/inventory/*.test.ts'],
  },
  {
    name: 'aggregates',
    files: ['services/analytics/sales.ts', 'services/monitor/journey.ts', 'services/notification/notification.ts'],
    tests: [
      'test/unit/analytics/sales.test.ts',
      'test/unit/monitor/journey.test.ts',
      'test/unit/monitor/walk-journey.test.ts',
      'test/unit/notification/notification.test.ts',
    ],
  },
  {
    name: 'policies',
    files: [
      'services/platform/base/backoff.ts',
      'services/platform/base/bulkhead.ts',
      'services/platform/base/deadline.ts',
      'services/platform/client/breaker.ts',
      'services/platform/client/call-policy.ts',
      'services/platform/client/dependency-error.ts',
      'services/platform/client/retry.ts',
    ],
    tests: [
      'test/unit/platform/base/backoff*.test.ts',
      'test/unit/platform/base/bulkhead*.test.ts',
      'test/unit/platform/base/deadline*.test.ts',
      'test/unit/platform/client/*.test.ts',
    ],
  },
  {
    name: 'messaging',
    files: [
      'services/platform/messaging/event-consumer.ts',
      'services/platform/messaging/inbox.ts',
      'services/platform/messaging/outbox.ts',
      'services/platform/messaging/outbox-relay.ts',
      'services/platform/messaging/publish-backoff.ts',
    ],
    tests: ['test/unit/platform/messaging/*.test.ts'],
  },
  {
    name: 'matcher',
    files: ['packages/kit/matching/*.ts'],
    tests: [
      'test/unit/kit/matching/*.test.ts',
      'test/unit/kit/contract/interaction-registry.test.ts',
      'test/unit/kit/verification/state-values.test.ts',
      'test/unit/kit/virtual/stub-registry.test.ts',
    ],
  },
  {
    name: 'contract-file',
    // Not the store, nor what one run recorded: what they do is to read and write files, which unit tests must not.
    files: [
      'packages/kit/contract-file/*.ts',
      '!packages/kit/contract-file/contract-store.ts',
      '!packages/kit/contract-file/recorded-run.ts',
    ],
    tests: [
      'test/unit/kit/contract-file/*.test.ts',
      'test/unit/kit/deployment/verification-results.test.ts',
      'test/unit/kit/pact-import/import-pact.test.ts',
    ],
  },
];
