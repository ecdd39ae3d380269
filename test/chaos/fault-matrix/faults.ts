// Every fault of the kit's proxy as the matrix uses it: with which settings, on what, in which directions. Pure.
import {
  answerInTls,
  bandwidth,
  blackHole,
  type Direction,
  type Fault,
  failAlways,
  failEvery,
  failFirst,
  garbage,
  goAway,
  halfClose,
  latency,
  partition,
  refuse,
  reset,
  slowClose,
  truncateFrame,
  truncateMessage,
} from '@touchstone/kit';

export type Scope = 'call' | 'connection';
export type Protocol = 'http2' | 'http1' | 'tcp';
/** `own` leaves it to the fault where it acts. */
export type FaultDirection = Direction | 'both' | 'own';

export type FaultRow = {
  readonly name: string;
  readonly create: () => Fault;
  /** On what it is tried, and in which directions. */
  readonly on: Readonly<Partial<Record<Scope, readonly FaultDirection[]>>>;
  /** Orders it has to let pass before it hits. */
  readonly ordersBefore?: number;
  /** Why it cannot be tried on this; undefined when it can. */
  readonly skipReason?: (scope: Scope, protocol: Protocol) => string | undefined;
};

// Longer than any call may take, and than the caller's budget.
const LATE_MS = 5_000;
// Just within the limit of a statement of the database, and within every other: nothing fails, everything is slow.
const TOLERABLE_MS = 400;
const TRICKLE_BYTES_PER_SECOND = 10;
const NO_ERROR = 0;
const REFUSED_STREAM = 7;
const CANCEL = 8;
const ENHANCE_YOUR_CALM = 11;

const UP_AND_DOWN = ['up', 'down'] as const;
const ANYTHING: FaultRow['on'] = { call: UP_AND_DOWN, connection: UP_AND_DOWN };
const CALLS: FaultRow['on'] = { call: ['own'] };
const CONNECTIONS: FaultRow['on'] = { connection: ['own'] };

export const FAULTS: readonly FaultRow[] = [
  { name: 'latency', create: () => latency({ delayMs: LATE_MS, jitterMs: 100 }), on: ANYTHING },
  { name: 'latency-tolerable', create: () => latency({ delayMs: TOLERABLE_MS }), on: { connection: UP_AND_DOWN } },
  { name: 'bandwidth', create: () => bandwidth({ bytesPerSecond: TRICKLE_BYTES_PER_SECOND }), on: ANYTHING },
  { name: 'black-hole', create: () => blackHole(), on: { call: UP_AND_DOWN, connection: ['both'] } },
  { name: 'partition', create: () => partition(), on: { connection: UP_AND_DOWN } },
  { name: 'refuse', create: () => refuse(), on: CONNECTIONS },
  { name: 'refuse-closed-port', create: () => refuse({ closesPort: true }), on: CONNECTIONS },
  { name: 'answer-in-tls', create: () => answerInTls(), on: CONNECTIONS },
  { name: 'reset', create: () => reset(), on: ANYTHING },
  { name: 'reset-in-body', create: () => reset({ afterBytes: 2 }), on: { call: ['down'], connection: ['down'] } },
  {
    name: 'reset-connection-of-call',
    create: () => reset({ breaks: 'connection' }),
    on: { call: UP_AND_DOWN },
    skipReason: onlyOverHttp2('over HTTP/1.1 every reset of a call breaks its connection'),
  },
  resetWith('no-error', NO_ERROR),
  resetWith('refused-stream', REFUSED_STREAM),
  resetWith('cancel', CANCEL),
  resetWith('enhance-your-calm', ENHANCE_YOUR_CALM),
  goAwayWith('go-away', {}),
  goAwayWith('go-away-after-call', { refuses: false }),
  goAwayWith('go-away-enhance-your-calm', { http2Code: ENHANCE_YOUR_CALM }),
  { name: 'half-close', create: () => halfClose(), on: ANYTHING },
  {
    name: 'slow-close',
    create: () => slowClose({ delayMs: LATE_MS }),
    on: ANYTHING,
    skipReason: (scope) => (scope === 'call' ? undefined : 'connections are kept: none ends while an order is made'),
  },
  { name: 'garbage', create: () => garbage(), on: ANYTHING },
  { name: 'truncate-message', create: () => truncateMessage(), on: ANYTHING },
  { name: 'truncate-frame', create: () => truncateFrame(), on: ANYTHING },
  { name: 'fail-first', create: () => failFirst(1), on: CALLS },
  // An order may make a single call: the one before it is let pass.
  { name: 'fail-every', create: () => failEvery(2), on: CALLS, ordersBefore: 1 },
  { name: 'fail-always', create: () => failAlways(), on: CALLS },
  { name: 'fail-always-500', create: () => failAlways(500), on: CALLS },
];

function resetWith(code: string, http2Code: number): FaultRow {
  return {
    name: `reset-${code}`,
    create: () => reset({ http2Code }),
    on: { call: ['down'] },
    skipReason: onlyOverHttp2('over HTTP/1.1 a reset has no code: it is the plain reset'),
  };
}

function goAwayWith(name: string, options: Parameters<typeof goAway>[0]): FaultRow {
  const skipReason = onlyOverHttp2('HTTP/1.1 has no GOAWAY, and the proxy counts none');
  return { name, create: () => goAway(options), on: CALLS, skipReason };
}

function onlyOverHttp2(reason: string): NonNullable<FaultRow['skipReason']> {
  return (_, protocol) => (protocol === 'http2' ? undefined : reason);
}
