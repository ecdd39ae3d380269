// Mutants by a reviewer who wrote none of the tests that have to catch them.
import type { Mutant } from './mutant.ts';

export const REVIEWER_MUTANTS: readonly Mutant[] = [
  {
    name: 'close the breaker on an inconclusive probe',
    file: 'services/platform/client/breaker.ts',
    search: "(isProbe && outcome === 'ignored')",
    replacement: '(isProbe && false)',
    caughtBy: [
      { file: 'test/unit/platform/client/breaker.test.ts', name: 'opens again after a probe whose outcome is' },
    ],
  },
  {
    name: 'reserve no time for the step after the verdict',
    file: 'services/order/order-saga.ts',
    search: 'Math.max(0, deadline.remainingMs() - LAST_STEP_RESERVE_MS)',
    replacement: 'Math.max(0, deadline.remainingMs())',
    caughtBy: [
      { file: 'test/unit/order/order-saga-time.test.ts', name: 'keeps 400 ms of it for the step after the verdict' },
    ],
  },
  {
    name: 'count an unavailable dependency as a failure of the handler',
    file: 'services/platform/messaging/event-consumer.ts',
    search: "return error instanceof DomainError && error.kind === 'unavailable';",
    replacement: "return error instanceof DomainError && error.kind === 'resource_exhausted';",
    caughtBy: [
      {
        file: 'test/unit/platform/messaging/event-failures.test.ts',
        name: 'of a dependency of the handler is not counted either',
      },
    ],
  },
  {
    name: 'log the passwords of connection strings',
    file: 'services/platform/observability/log.ts',
    search: "'$1:[secret]@');",
    replacement: "'$&');",
    caughtBy: [{ file: 'test/unit/platform/observability/log.test.ts', name: 'loses its password:' }],
  },
  {
    name: 'report SERVING while the database is down',
    file: 'services/platform/runtime/health-monitor.ts',
    search: 'up ? ServingStatus.SERVING : ServingStatus.NOT_SERVING',
    replacement: 'up ? ServingStatus.SERVING : ServingStatus.SERVING',
    caughtBy: [
      {
        file: 'test/unit/platform/runtime/health-monitor.test.ts',
        name: 'follows the database within a second, away and back',
      },
    ],
  },
];
