import type { Survivor } from '../judge.ts';

export const POLICIES: readonly Survivor[] = [
  {
    file: 'services/platform/base/backoff.ts',
    reason: 'Equivalent: a signal aborts once, and the end of the pause removes the listener.',
    mutants: [
      "signal.addEventListener('abort', end, «{ once: true }»); => {}",
      "signal.addEventListener('abort', end, { once: «true» }); => false",
    ],
  },
  {
    file: 'services/platform/base/bulkhead.ts',
    reason: 'Equivalent: the loop runs while the queue has a call.',
    mutants: [
      "«(currentOrder() === 'fifo' ? queue[0] : queue.at(-1))?.admit»(); => (currentOrder() === 'fifo' ? queue[0] : queue.at(-1)).admit",
    ],
  },
  {
    file: 'services/platform/base/bulkhead.ts',
    reason: 'Equivalent: only the signal that is there can call its listener.',
    mutants: ['reject(«signal?.reason»); => signal.reason'],
  },
  {
    file: 'services/platform/base/bulkhead.ts',
    reason: 'Equivalent: a signal aborts once, and leaving the queue removes the listener.',
    mutants: [
      "signal?.addEventListener('abort', onAbort, «{ once: true }»); => {}",
      "signal?.addEventListener('abort', onAbort, { once: «true» }); => false",
    ],
  },
  {
    file: 'services/platform/client/breaker.ts',
    reason: 'Not visible: the error never leaves the breaker, which throws its cause instead.',
    mutants: ['override readonly name = «\'CountedFailure\'»; => ""'],
  },
  {
    file: 'services/platform/client/breaker.ts',
    reason:
      'Equivalent: the time is read in the state `open` only, which sets it; the circuit closes after that wait is over.',
    mutants: [
      'if («state === CircuitState.Open») openedAtMs = now(); => true',
      'if («policy.state === CircuitState.Open» && isWaiting()) throw circuitOpen(options.dependency); => true',
    ],
  },
  {
    file: 'services/platform/client/call-policy.ts',
    reason: 'Equivalent: an error of another class has no property `failure`, which the next condition finds.',
    mutants: ['if («!(failure instanceof DependencyError)») return; => false'],
  },
  {
    file: 'services/platform/client/dependency-error.ts',
    reason: 'Equivalent: no dependency gives such a reason.',
    mutants: [
      'healthyReasons: readonly string[] = «[]», => ["Stryker was here"]',
      'const isBehind = !isCancelled && healthyReasons.includes(reason ?? «\'\'»); => "Stryker was here!"',
    ],
  },
  {
    file: 'services/platform/client/dependency-error.ts',
    reason: 'Equivalent: what is no text does not match the pattern as a text either: undefined, or a number.',
    mutants: [
      "if («typeof code === 'string'» && /^(E[A-Z]+|ERR_(HTTP2|STREAM|SOCKET|SSL|TLS)_\\w+)$/.test(code)) return true; => true",
    ],
  },
  {
    file: 'services/platform/client/retry.ts',
    reason: 'Equivalent: an error of another class has no property `failure`, so that it is not retried either.',
    mutants: ['if («!(error instanceof DependencyError)») return undefined; => false'],
  },
];
