// The local stack's control port over a stack that only remembers what was done to it.
import { Code, type ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { beforeEach, describe, expect, it } from 'vitest';
import { ControlService, ProcessState, VerdictState } from '#gen/local/control/v1/control_pb.ts';
import { createControlService } from '#local/control/control-service.ts';
import type { ControlledProcess, ControlledStack } from '#local/control/controlled-stack.ts';
import { readVerdicts } from '#local/control/invariant-judge.ts';
import type { OrderEventsQuery } from '#local/control/order-history/order-events.ts';
import { orderOf } from '#local/control/traffic.ts';
import { DOMAIN } from '#services/domain.ts';
import { toConnectError } from '#services/platform/server/rpc-errors.ts';
import { spanOf } from './spans.ts';

const EVENT = {
  ...{ stream: 'SHOP_ORDER', sequence: 7, subject: 'shop.order.v1.OrderCreated', eventId: 'e1', time: 2_500 },
  payload: new Uint8Array([1]),
};
let done: string[];
let queries: OrderEventsQuery[];
let rows: ControlledProcess[];
const row = (name: string, health: ControlledProcess['health'] = 'healthy') => ({
  ...{ name, health, address: 'x', restarts: 0 },
  pid: health === 'healthy' ? 7 : undefined,
});
const client = () => {
  const note = (what: string) => async (process: string, signal?: string) => {
    done.push([what, process, signal].filter(Boolean).join(' '));
  };
  const orderLog = (orderId: string, limit: number) => [
    { process: orderId, time: 1_500, level: 'info', message: String(limit), reason: 'r' },
  ];
  const stack = {
    orderLog,
    sendsSpans: true,
    rows: () => rows,
    kill: note('kill'),
    stop: note('stop'),
    start: note('start'),
  };
  let rate = 0;
  const service = createControlService({
    stack: stack as unknown as ControlledStack,
    links: { list: () => [], set: async () => undefined, heal: async () => ['order to payment'] } as never,
    judge: async () => ({ verdicts: [], durationMs: 1 }),
    traffic: {
      state: () => ({ ordersPerSecond: rate, sent: 0, failed: 0 }),
      set: (wanted: number) => {
        rate = wanted;
        return { ordersPerSecond: rate, sent: 0, failed: 0 };
      },
    } as never,
    experiments: {
      list: async () => [],
      latest: () => undefined,
      start: async () => never(),
      stop: async () => undefined,
    },
    checkContracts: async () => ({ changes: [], durationMs: 1 }),
    spans: { findByOrder: (orderId: string) => [spanOf({ orderId, start: 1_500.25, milliseconds: 2.5 })] },
    readEvents: async (query) => {
      queries.push(query);
      return { events: [EVENT], truncated: false };
    },
  });
  const transport = createRouterTransport((router) => router.service(ControlService, service), {
    router: {
      interceptors: [
        (next) => async (request) => {
          try {
            return await next(request);
          } catch (error) {
            throw toConnectError(error, DOMAIN);
          }
        },
      ],
    },
  });
  return createClient(ControlService, transport);
};
const never = () => {
  throw new Error('not expected');
};
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: ConnectError) => Code[error.code],
  );

beforeEach(() => {
  [done, queries] = [[], []];
  rows = [row('postgres'), row('nats', 'stopped'), row('payment'), row('mailbox', 'external'), row('console')];
});

describe('a process', () => {
  it.each([
    ['killProcess', 'payment', 'ok', ['kill payment SIGKILL']],
    ['stopProcess', 'payment', 'ok', ['stop payment']],
    ['startProcess', 'nats', 'ok', ['start nats']],
    ['pauseProcess', 'payment', 'ok', ['kill payment SIGSTOP']],
    ['killProcess', 'nats', 'FailedPrecondition', []],
    ['pauseProcess', 'nats', 'FailedPrecondition', []],
    ['pauseProcess', 'postgres', 'FailedPrecondition', []],
    ['killProcess', 'console', 'FailedPrecondition', []],
    ['stopProcess', 'console', 'FailedPrecondition', []],
    ['pauseProcess', 'console', 'FailedPrecondition', []],
    ['killProcess', 'mailbox', 'NotFound', []],
    ['killProcess', '../payment', 'NotFound', []],
    ['resumeProcess', 'payment', 'ok', []],
  ] as const)('%s of %s answers %s and does %j', async (rpc, process, code, effects) => {
    expect(await codeOf(client()[rpc]({ process }))).toBe(code);
    expect(done).toEqual(effects);
  });

  it('that is frozen is shown so until it continues or is another process', async () => {
    const control = client();
    const stateOf = async () =>
      (await control.listProcesses({})).processes.find(({ name }) => name === 'payment')?.state;

    await control.pauseProcess({ process: 'payment' });
    expect(await stateOf()).toBe(ProcessState.PAUSED);
    rows = rows.map((known) => (known.name === 'payment' ? { ...known, pid: 8 } : known));
    expect(await stateOf()).toBe(ProcessState.HEALTHY);
  });

  it('that is frozen continues before it stops, to hear that it is to stop', async () => {
    const control = client();
    await control.pauseProcess({ process: 'payment' });
    await control.stopProcess({ process: 'payment' });

    expect(done).toEqual(['kill payment SIGSTOP', 'kill payment SIGCONT', 'stop payment']);
  });
});

it('lists what was logged about an order, and about nothing else', async () => {
  const orderId = 'b7a4c0de-0000-4000-8000-000000000001';

  const { lines } = await client().listOrderLog({ orderId });

  expect(lines).toMatchObject([{ process: orderId, time: { seconds: 1n, nanos: 500_000_000 }, message: '100' }]);
  for (const wrong of ['', 'o1', 'e'])
    expect(await codeOf(client().listOrderLog({ orderId: wrong }))).toBe('InvalidArgument');
});

describe('the history of an order', () => {
  const orderId = 'b7a4c0de-0000-4000-8000-000000000001';
  const time = (seconds: bigint) => ({ seconds, nanos: 0 });

  it('has the spans of its traces, to the microsecond', async () => {
    expect(await client().listOrderSpans({ orderId })).toMatchObject({
      collected: true,
      spans: [{ startTime: { seconds: 1n, nanos: 500_250_000 }, duration: { seconds: 0n, nanos: 2_500_000 } }],
    });
  });

  it('has its events from its creation up to a time', async () => {
    const { events } = await client().listOrderEvents({ orderId, since: time(5n), until: time(9n) });

    expect(events).toMatchObject([{ sequence: 7n, time: { seconds: 2n, nanos: 500_000_000 }, eventId: 'e1' }]);
    expect(queries).toEqual([{ orderId, since: new Date(5_000), until: new Date(9_000) }]);
  });

  it.each([
    ['spans of something else', 'listOrderSpans', { orderId: 'o1' }],
    ['events of something else', 'listOrderEvents', { orderId: 'o1', since: time(1n) }],
    ['events since ever', 'listOrderEvents', { orderId }],
  ] as const)('has no %s', async (_, rpc, request) => {
    expect(await codeOf((client()[rpc] as (given: object) => Promise<unknown>)(request))).toBe('InvalidArgument');
    expect(queries).toEqual([]);
  });
});

it('heals what is frozen, stopped and linked by a fault', async () => {
  const control = client();
  await control.pauseProcess({ process: 'payment' });

  expect((await control.heal({})).healed).toEqual(['payment', 'nats', 'order to payment']);
  expect(done).toEqual(['kill payment SIGSTOP', 'kill payment SIGCONT', 'start nats']);
});

it.each([
  [0, 'ok'],
  [50, 'ok'],
  [-1, 'InvalidArgument'],
  [51, 'InvalidArgument'],
  [Number.NaN, 'InvalidArgument'],
])('a load of %d orders a second is %s', async (ordersPerSecond, code) => {
  expect(await codeOf(client().setTraffic({ ordersPerSecond }))).toBe(code);
});

describe('the verdicts', () => {
  const verdict = (name: string, state: string) => ({
    name,
    state,
    promise: 'p',
    counts: 'c',
    violations: ['o1 lost'],
  });
  const read = (...verdicts: object[]) => readVerdicts(JSON.stringify(verdicts)).map(({ state }) => state);

  it('are violated once the platform is at rest', () => {
    expect(read(verdict('quiescent', 'holds'), verdict('charged-once', 'violated'))).toEqual([
      VerdictState.HOLDS,
      VerdictState.VIOLATED,
    ]);
  });

  it('are unknown while work is pending, the findings listed', () => {
    const verdicts = JSON.stringify([verdict('quiescent', 'violated'), verdict('charged-once', 'violated')]);

    expect(readVerdicts(verdicts).map(({ state }) => state)).toEqual([VerdictState.UNKNOWN, VerdictState.UNKNOWN]);
    expect(readVerdicts(verdicts)[1]?.findings).toEqual(['Promised: p.', 'o1 lost']);
  });
});

it('mixes seventeen of twenty orders to be approved, of every product and of many customers', () => {
  const orders = Array.from({ length: 400 }, (_, count) => orderOf(count, 'key', ['a', 'b', 'c']));

  expect(orders.filter(({ paymentMethod }) => paymentMethod === 'pm_approved')).toHaveLength(340);
  expect(new Set(orders.map(({ items }) => items[0]?.productId))).toEqual(new Set(['a', 'b', 'c']));
  expect(new Set(orders.map(({ customerId }) => customerId)).size).toBeGreaterThan(100);
});
