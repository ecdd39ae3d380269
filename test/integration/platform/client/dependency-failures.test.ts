// The kind of each failure as the calling service sees it, measured over the connections between services; the kit's README
// lists the code that other clients see. docs/failures.md shows these tables.
import { readFileSync } from 'node:fs';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  answerInTls,
  bandwidth,
  blackHole,
  type Fault,
  failAlways,
  garbage,
  goAway,
  halfClose,
  type InjectOptions,
  latency,
  partition,
  refuse,
  reset,
  slowClose,
  startFaultProxy,
  truncateFrame,
  truncateMessage,
} from '@touchstone/kit';
import { createRpcServer } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import { createDependency } from '#services/platform/client/rpc-client.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

// The deadline of a call that has to pass, at first and at most, and of a call that ends before it.
const SHORT_DEADLINE_MS = 250;
const LONGEST_SHORT_DEADLINE_MS = 4_000;
const LONG_DEADLINE_MS = 10_000;

const ofCalls: InjectOptions = { rpc: '*' };
const ofRequests: InjectOptions = { rpc: '*', direction: 'up' };

/** Without a fault nothing is wrong but the client: it speaks TLS to a port without. */
type Row = [failure: string, kind: CallFailure | 'answered', fault?: () => Fault, options?: InjectOptions];

const rows: readonly Row[] = [
  ['the port is closed, and connections are reset', 'unreachable', () => refuse({ closesPort: true })],
  ['connections are reset, and new ones too', 'unreachable', () => refuse()],
  ['the connection is reset before the request is read', 'unreachable', () => reset(), { direction: 'up' }],
  ['the connection is reset in place of the answer', 'unreachable', () => reset({ breaks: 'connection' }), ofCalls],
  ['the connection is reset in the middle of the answer', 'unreachable', () => reset({ afterBytes: 2 })],
  ['the call is reset: INTERNAL_ERROR', 'unreachable', () => reset(), ofCalls],
  ['the call is reset: NO_ERROR', 'unreachable', () => reset({ http2Code: 0 }), ofCalls],
  ['the call is reset: REFUSED_STREAM', 'unreachable', () => reset({ http2Code: 7 }), ofCalls],
  ['the call is reset: CANCEL', 'unreachable', () => reset({ http2Code: 8 }), ofCalls],
  ['the call is reset: ENHANCE_YOUR_CALM', 'unreachable', () => reset({ http2Code: 11 }), ofCalls],
  ['a black hole swallows the connection', 'timeout', () => blackHole()],
  ['a black hole swallows the call', 'timeout', () => blackHole(), ofCalls],
  ['requests are cut off', 'timeout', () => partition(), { direction: 'up' }],
  ['answers are cut off', 'timeout', () => partition()],
  ['the answer is later than the deadline', 'timeout', () => latency({ delayMs: 30_000 }), ofCalls],
  ['the answer is slower than the deadline', 'timeout', () => bandwidth({ bytesPerSecond: 1 }), ofCalls],
  ['the answer does not end in time', 'timeout', () => slowClose({ delayMs: 30_000 }), ofCalls],
  ['the server closes its side of the connection in place of the answer', 'unreachable', () => halfClose()],
  ['the answer ends before its body', 'unreachable', () => halfClose(), ofCalls],
  ['the answer ends in the middle of its message', 'unreachable', () => truncateMessage({ afterBytes: 8 }), ofCalls],
  // The service cannot know that something is missing: its answer to an empty request depends on its validation.
  ['the request ends before its body', 'answered', () => halfClose(), ofRequests],
  [
    'the request ends in the middle of its message',
    'not_understood',
    () => truncateMessage({ afterBytes: 2 }),
    ofRequests,
  ],
  ['garbage comes in the body of the request', 'not_understood', () => garbage(), ofRequests],
  ['the connection ends in the middle of a frame', 'unreachable', () => truncateFrame({ afterBytes: 3 }), ofCalls],
  ['garbage comes instead of the protocol', 'unreachable', () => garbage()],
  ['garbage comes in the body of the answer', 'unreadable', () => garbage(), ofCalls],
  ['a TLS alert answers plaintext', 'unreachable', () => answerInTls()],
  ['GOAWAY leaves the call out: NO_ERROR', 'unreachable', () => goAway()],
  ['GOAWAY follows the call: NO_ERROR', 'answered', () => goAway({ refuses: false })],
  ['GOAWAY leaves the call out: ENHANCE_YOUR_CALM', 'unreachable', () => goAway({ http2Code: 11 })],
  ['a gateway answers 503', 'unreachable', () => failAlways(503)],
  ['a gateway answers 429', 'unreachable', () => failAlways(429)],
  ['a gateway answers 500', 'internal', () => failAlways(500)],
  ['a gateway answers 400', 'not_understood', () => failAlways(400)],
  ['a gateway answers 404', 'not_understood', () => failAlways(404)],
];

/** The same for a client that has no connection yet. */
const rowsWithoutConnection: readonly Row[] = [
  ['no process listens on the port', 'unreachable', () => refuse({ closesPort: true })],
  ['the connection is reset as soon as it is open', 'unreachable', () => refuse()],
  ['a TLS alert answers plaintext at once', 'unreachable', () => answerInTls()],
  ['a TLS client calls a plaintext port', 'unreachable'],
];

/** The codes that the dependency itself may answer. */
const codes: readonly [code: keyof typeof Code, kind: CallFailure][] = [
  ['Unavailable', 'unreachable'],
  ['Aborted', 'unreachable'],
  ['Canceled', 'unreachable'],
  ['DeadlineExceeded', 'timeout'],
  ['ResourceExhausted', 'overloaded'],
  ['Internal', 'internal'],
  ['Unknown', 'internal'],
  ['DataLoss', 'internal'],
  ['InvalidArgument', 'not_understood'],
  ['OutOfRange', 'not_understood'],
  ['Unimplemented', 'not_understood'],
  ['FailedPrecondition', 'refused'],
  ['PermissionDenied', 'refused'],
  ['Unauthenticated', 'refused'],
  ['NotFound', 'refused'],
  ['AlreadyExists', 'refused'],
];

/** Whether the circuit breaker counts a call that ended so. */
const counts: Readonly<Record<CallFailure | 'answered', boolean>> = {
  timeout: true,
  unreachable: true,
  internal: true,
  unreadable: true,
  not_understood: false,
  refused: false,
  overloaded: false,
  circuit_open: false,
  not_called: false,
  cancelled: false,
  answered: false,
};

it.each<Row>(rows)('%s: the call is %s', async (_, kind, fault, options = {}) => {
  expect(await measure(kind, fault!, options)).toEqual({ kind, hits: 1, isCounted: counts[kind] });
});

it.each(codes)('the dependency says %s: the call is %s', async (code, kind) => {
  await using setting = await startSetting({ code: Code[code] });

  expect(await setting.call()).toBe(kind);
  expect(setting.isCounted()).toBe(counts[kind]);
});

it.each<Row>(rowsWithoutConnection)('%s: the first call is %s', async (_, kind, fault) => {
  await using setting = await startSetting({ isTls: fault === undefined });

  if (fault !== undefined) setting.proxy.inject(fault());

  expect(await setting.call()).toBe(kind);
  expect(setting.isCounted()).toBe(counts[kind]);
});

describe('docs/failures.md', () => {
  const page = readFileSync(new URL('../../../../docs/failures.md', import.meta.url), 'utf8');
  const row = (what: string, kind: Row[1]) => `| ${what} | \`${kind}\` | ${counts[kind] ? 'yes' : 'no'} |`;

  it('lists the kind of each failure in transit', () => {
    const table = [...rowsWithoutConnection, ...rows].map(([failure, kind]) => row(failure, kind));

    expect(page).toContain(`\n${table.join('\n')}\n\n`);
  });

  it('lists the kind of each code of a dependency', () => {
    const names = Map.groupBy(codes, ([, kind]) => kind);
    const table = [...names].map(([kind, said]) =>
      row(said.map(([code]) => `\`${nameOnTheWire(code)}\``).join(', '), kind),
    );

    expect(page).toContain(`\n${table.join('\n')}\n\n`);
  });
});

/**
 * Measures the end of one call under a fault. A deadline that passes before the call has reached the fault measures nothing, which
 * happens on a busy machine: the next call gets a longer one.
 */
async function measure(expected: Row[1], fault: () => Fault, options: InjectOptions) {
  for (let timeoutMs = expected === 'timeout' ? SHORT_DEADLINE_MS : LONG_DEADLINE_MS; ; timeoutMs *= 2) {
    await using setting = await startSetting();
    await setting.call();
    const handle = setting.proxy.inject(fault(), options);
    const kind = await setting.call(timeoutMs);
    const measured = { kind, hits: handle.hits, isCounted: setting.isCounted() };
    const wasTooShort = kind === 'timeout' && handle.hits === 0;
    if (!wasTooShort || timeoutMs >= LONGEST_SHORT_DEADLINE_MS) return measured;
  }
}

function nameOnTheWire(code: string): string {
  return code.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

/** A service before which a fault proxy stands, and how a call to it ends; it answers well, or always with this code. */
async function startSetting({ code, isTls = false }: { code?: Code; isTls?: boolean } = {}) {
  await using resources = new AsyncDisposableStack();
  const server = createRpcServer({
    routes: ({ service }) =>
      service(InventoryService, {
        checkAvailability: ({ productId }) => {
          if (code !== undefined) throw new ConnectError('as the test wants it', code);
          return { productId, available: true, quantity: 100 };
        },
      }),
  });
  const { url: upstream } = await server.listen();
  resources.defer(() => server.stop({ graceMs: 0 }));
  const proxy = resources.use(await startFaultProxy({ upstream }));
  const { log } = recordLog('order');
  const policy = policyOf({ timeoutMs: LONG_DEADLINE_MS, tryTimeoutMs: LONG_DEADLINE_MS, breakerFailures: 1 });
  const url = isTls ? proxy.url.replace('http:', 'https:') : proxy.url;
  const dependency = createDependency({ url, policy, metrics: createMetrics('order'), log });
  resources.defer(dependency.stop);
  const client = dependency.client(InventoryService);
  const owned = resources.move();
  return {
    proxy,
    isCounted: () => dependency.breaker().state === 'open',
    call: async (timeoutMs = LONG_DEADLINE_MS): Promise<unknown> => {
      try {
        await client.checkAvailability({ productId: '12345' }, { timeoutMs });
        return 'answered';
      } catch (error) {
        return error instanceof DependencyError ? error.failure : error;
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
