// The local stack's control port over a stack that only remembers what was done to it.
import { Code, type ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ControlService, LinkFault, ProcessState, VerdictState } from '#gen/local/control/v1/control_pb.ts';
import { createControlService } from '#local/control/control-service.ts';
import type { ControlledProcess, ControlledStack } from '#local/control/controlled-stack.ts';
import { proxiedUrl } from '#local/control/fault-links.ts';
import { createFrozenProcesses } from '#local/control/frozen-processes.ts';
import { readVerdicts } from '#local/control/invariant-judge.ts';
import type { OrderEventsQuery } from '#local/control/order-history/order-events.ts';
import { createQueueFill, type QueueFill } from '#local/control/queue-fill.ts';
import { createQueueHolds } from '#local/control/queue-holds.ts';
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
let queueFill: QueueFill;
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
  let fault: LinkFault = LinkFault.UNSPECIFIED;
  const frozen = createFrozenProcesses(stack as unknown as ControlledStack);
  const links = {
    list: () => [{ from: 'order', to: 'nats', fault }],
    set: async (from: string, to: string, wanted: LinkFault) => {
      done.push(`link ${from} ${to} ${wanted === LinkFault.CUT ? 'CUT' : 'UNSPECIFIED'}`);
      fault = wanted;
    },
    heal: async () => {
      fault = LinkFault.UNSPECIFIED;
      return ['order to payment'];
    },
  };
  queueFill = createQueueFill({
    holds: createQueueHolds({ stack, frozen, links }),
    startBurst: (orders, perSecond) => {
      done.push(`burst of ${orders} at ${perSecond}`);
      return { state: () => ({ sent: 3, failed: 1 }), [Symbol.dispose]: () => void done.push('burst ends') };
    },
  });
  const service = createControlService({
    stack: stack as unknown as ControlledStack,
    ...{ frozen, queueFill },
    links: links as never,
    queueLengths: { read: async () => [{ process: 'notification', stream: 'SHOP_ORDER', waiting: 7 }] },
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
afterEach(() => {
  queueFill?.cancel();
  vi.useRealTimers();
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

it('puts a proxy into an address with all else that it has, such as its password', () => {
  const broker = 'nats://order:secret@127.0.0.1:4222?api_prefix=%24JS.shop';

  expect(proxiedUrl(broker, 'nats://127.0.0.1:7')).toBe('nats://order:secret@127.0.0.1:7?api_prefix=%24JS.shop');
  expect(proxiedUrl('https://localhost:50053', 'http://127.0.0.1:7')).toBe('https://127.0.0.1:7');
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

describe('a queue', () => {
  const BURST = 'burst of 200 at 10';
  const filling = async (control: ReturnType<typeof client>) => (await control.listProcesses({})).queueFill?.process;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    rows = [row('order'), row('analytics'), row('analytics-2'), row('notification'), row('payment')];
  });

  it.each([
    [
      'analytics',
      ['kill analytics SIGSTOP', 'kill analytics-2 SIGSTOP'],
      ['kill analytics SIGCONT', 'kill analytics-2 SIGCONT'],
    ],
    ['order', ['link order nats CUT'], ['link order nats UNSPECIFIED']],
  ])(
    'of %s is filled by a burst while nothing works it off, which ends after a minute',
    async (process, held, released) => {
      const control = client();

      const { queueFill: begun } = await control.fillQueue({ process });
      expect(begun).toMatchObject({ process, orders: 200, sent: 3, failed: 1 });
      expect(done).toEqual([...held, BURST]);
      await vi.advanceTimersByTimeAsync(59_999);
      expect(await filling(control)).toBe(process);
      await vi.advanceTimersByTimeAsync(1);
      expect(done).toEqual([...held, BURST, 'burst ends', ...released]);
      expect(await filling(control)).toBeUndefined();
    },
  );

  it('is released by healing, and by its process when that continues or dies', async () => {
    const control = client();

    await control.fillQueue({ process: 'notification' });
    expect((await control.heal({})).healed).toContain('notification');
    expect(await filling(control)).toBeUndefined();
    await control.fillQueue({ process: 'notification' });
    await control.resumeProcess({ process: 'notification' });
    expect(await filling(control)).toBeUndefined();
    await control.fillQueue({ process: 'notification' });
    rows = rows.map((known) => (known.name === 'notification' ? { ...known, pid: 8 } : known));
    expect(await filling(control)).toBeUndefined();
    done.length = 0;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(done).toEqual(['burst ends']);
  });

  it.each([
    ['payment', 'NotFound'],
    ['toString', 'NotFound'],
    ['', 'NotFound'],
    ['monitor', 'NotFound'],
  ])('of "%s" cannot be filled: %s', async (process, code) => {
    expect(await codeOf(client().fillQueue({ process }))).toBe(code);
    expect(done).toEqual([]);
  });

  it('is not filled beside another, nor while a replica cannot be frozen, and says which can be', async () => {
    const control = client();
    const { processes } = await control.listProcesses({});
    expect(processes.filter(({ fillable }) => fillable).map(({ name }) => name)).toEqual([
      'order',
      'analytics',
      'notification',
    ]);

    await control.fillQueue({ process: 'order' });
    expect(await codeOf(control.fillQueue({ process: 'analytics' }))).toBe('FailedPrecondition');
    await control.heal({});
    done.length = 0;
    rows = [row('analytics'), row('analytics-2', 'waiting')];
    expect(await codeOf(control.fillQueue({ process: 'analytics' }))).toBe('FailedPrecondition');
    expect(done).toEqual(['kill analytics SIGSTOP', 'kill analytics SIGCONT']);
  });

  it('is as long as the broker says', async () => {
    expect(await client().listQueues({})).toMatchObject({ queues: [{ process: 'notification', waiting: 7n }] });
  });
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
