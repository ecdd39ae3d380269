import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ProcessState, VerdictState } from '#gen/local/control/v1/control_pb.ts';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { SERVICE_NAMES } from '#services/console/forwarded-services.ts';
import { decodeEvent } from '#services/console/page/src/model/events.ts';
import { happeningsBetween } from '#services/console/page/src/model/happenings.ts';
import { BOXES, endsOf, LINES, MAP_HEIGHT, MAP_WIDTH } from '#services/console/page/src/model/map-layout.ts';
import type { Overview } from '#services/console/page/src/model/overview.ts';
import { describeQueues, queuesOf } from '#services/console/page/src/model/queues.ts';
import { formatRate, ratesBetween } from '#services/console/page/src/model/rates.ts';
import { replicasOf, stateOfReplicas } from '#services/console/page/src/model/replicas.ts';
import { listUsage } from '#services/console/page/src/model/usage-matrix.ts';
import { describeVerdicts, invariantTitle } from '#services/console/page/src/model/verdicts.ts';
import {
  describePair,
  needsVerification,
  summarisePairs,
  type VerifiedPair,
} from '#services/console/page/src/model/verifications.ts';
import { summariseMetrics } from '#services/console/service-overview.ts';

describe('rates', () => {
  const look = (time: number, calls: number, seconds = 0): Overview => ({
    time,
    services: [
      {
        name: 'order',
        instance: 'a:1',
        metrics: { ...summariseMetrics(''), published: calls, served: { calls, failed: 0, seconds } },
      },
    ],
  });

  it('are what was added a second, with the mean latency', () => {
    const [order] = ratesBetween(look(1_000, 10, 1), look(3_000, 30, 2));

    expect(order).toMatchObject({ served: { perSecond: 10, milliseconds: 50 }, publishedPerSecond: 10, up: true });
  });

  it('count from zero after a restart', () => {
    const [order] = ratesBetween(look(0, 1_000), look(2_000, 4));

    expect(order?.served.perSecond).toBe(2);
  });

  it('are zero at the first look, and for a service that has just come back', () => {
    const down: Overview = { time: 0, services: [{ name: 'order', instance: 'a:1', metrics: null }] };

    for (const before of [undefined, down]) {
      expect(ratesBetween(before, look(1_000, 500))[0]?.served).toEqual({
        perSecond: 0,
        failedPerSecond: 0,
        milliseconds: undefined,
      });
    }
    expect(ratesBetween(look(0, 1), { ...down, time: 1_000 })[0]?.up).toBe(false);
  });

  it('of the replicas of a service are added up, each from its own zero, and the worst breaker is shown', () => {
    const replica = (instance: string, calls: number, breaker: 'open' | 'closed') => ({
      ...{ name: 'order', instance },
      metrics: {
        ...summariseMetrics(''),
        ...{ published: calls, outbox: 3, memoryBytes: 10, brokerConnected: instance === 'a:1' },
        served: { calls, failed: 0, seconds: calls * (instance === 'a:1' ? 0.01 : 0.03) },
        edges: [{ dependency: 'payment', breaker, calls, failed: 0, seconds: 0 }],
      },
    });
    const before = { time: 0, services: [replica('a:1', 100, 'closed'), replica('b:1', 500, 'closed')] };
    const after = { time: 1_000, services: [replica('a:1', 130, 'closed'), replica('b:1', 10, 'open')] };

    const [order, ...others] = ratesBetween(before, after);

    expect(others).toEqual([]);
    expect(order).toMatchObject({
      ...{ replicas: 2, up: true, publishedPerSecond: 40, outbox: 3, memoryBytes: 20, brokerConnected: false },
      served: { perSecond: 40, milliseconds: 15 },
      edges: [{ dependency: 'payment', breaker: 'open', perSecond: 40 }],
    });
    expect(
      ratesBetween(before, { time: 1_000, services: [before.services[0]!, { ...before.services[1]!, metrics: null }] }),
    ).toMatchObject([{ up: true, replicas: 2 }]);
  });

  it.each([
    [0, '0/s'],
    [0.01, '0/s'],
    [2.44, '2.4/s'],
    [14.6, '15/s'],
  ])('of %d is %s', (perSecond, text) => {
    expect(formatRate(perSecond)).toBe(text);
  });
});

describe('what happened', () => {
  const look = (state: ProcessState, restarts = 0, breaker = 'closed') => ({
    processes: [{ name: 'payment', state, restarts }],
    breakers: [{ from: 'order', to: 'payment', state: breaker }],
    queues: [],
  });
  const { HEALTHY, DOWN, STARTING, PAUSED } = ProcessState;

  it.each([
    [look(HEALTHY), look(HEALTHY), []],
    [look(HEALTHY), look(DOWN), ['payment has died']],
    [look(DOWN), look(STARTING, 1), ['payment is starting']],
    [look(STARTING, 1), look(HEALTHY, 1), ['payment is healthy again']],
    [look(HEALTHY), look(STARTING, 1), ['payment has died', 'payment is starting']],
    [look(HEALTHY), look(HEALTHY, 1), ['payment has died', 'payment is healthy again']],
    [look(HEALTHY), look(PAUSED), ['payment is frozen']],
    [look(HEALTHY), look(HEALTHY, 0, 'open'), ['the breaker of order to payment is open: calls are refused at once']],
  ])('between two looks, case %#', (before, after, texts) => {
    expect(happeningsBetween(before, after).map(({ text }) => text)).toEqual(texts);
  });

  it('is nothing for a process or breaker that was not known before', () => {
    expect(happeningsBetween({ processes: [], breakers: [], queues: [] }, look(DOWN, 3, 'open'))).toEqual([]);
  });
});

describe('the verification of a contract', () => {
  const pair = { consumer: 'A', provider: 'B', interactions: 3, honoured: 3, broken: [], time: null };
  const current: VerifiedPair = { ...pair, evidence: 'current' };
  const none: VerifiedPair = { ...pair, honoured: 0, evidence: 'none' };

  it.each([
    [current, 'honoured', 'good'],
    [{ ...current, honoured: 2 }, 'in part', 'wait'],
    [{ ...current, honoured: 2, broken: ['two'] }, 'broken', 'bad'],
    [{ ...current, evidence: 'changed' as const, broken: ['two'] }, 'changed since', 'wait'],
    [none, 'not verified', 'quiet'],
  ])('is shown in a few words, case %#', (verified, label, tone) => {
    expect(describePair(verified)).toEqual({ label, tone });
  });

  it.each([
    [[current, current], 'all 2 honoured', 'good', false],
    [[current, none], '1 of 2 honoured', 'wait', true],
    [[current, { ...current, broken: ['two'] }], '1 of 2 broken', 'bad', false],
  ])(
    'of several is summed up, and asks for another run where one is missing, case %#',
    (pairs, label, tone, isMissing) => {
      expect(summarisePairs(pairs)).toEqual({ label, tone });
      expect(needsVerification(pairs)).toBe(isMissing);
    },
  );
});

describe('the queues of a service', () => {
  const rates = { outbox: 12, pending: 3 };
  const queues = [
    { process: 'notification', waiting: 40n },
    { process: 'analytics', waiting: 5n },
    { process: 'analytics', waiting: 7n },
  ];

  it.each([
    ['analytics', rates, queues, { outbox: 12, waiting: 12 }, 'outbox 12 · queue 12'],
    ['notification', undefined, queues, { outbox: 0, waiting: 40 }, 'queue 40'],
    ['payment', rates, queues, { outbox: 12, waiting: 0 }, 'outbox 12'],
    ['payment', rates, undefined, { outbox: 12, waiting: 3 }, 'outbox 12'],
    ['payment', undefined, undefined, { outbox: 0, waiting: 0 }, ''],
  ])(
    '%s: are those that the broker counts, else those that it says itself, case %#',
    (name, own, counted, lengths, text) => {
      expect(queuesOf(name, own, counted)).toEqual(lengths);
      expect(describeQueues(lengths)).toBe(text);
    },
  );

  it.each([
    [{ waiting: 49 }, { waiting: 50 }, ['50 events wait for payment']],
    [{ waiting: 50 }, { waiting: 900 }, []],
    [{ waiting: 50 }, { waiting: 49 }, ['the queue of payment is worked off']],
    [{ outbox: 0 }, { outbox: 80 }, ['80 events wait in the outbox of payment']],
    [{ outbox: 80 }, {}, ['the outbox of payment is worked off']],
  ])('that were %j and are %j are written into the history as %j', (was, is, texts) => {
    const look = (lengths: object) => ({
      ...{ processes: [], breakers: [] },
      queues: [{ process: 'payment', outbox: 0, waiting: 0, ...lengths }],
    });

    expect(happeningsBetween(look(was), look(is)).map(({ text }) => text)).toEqual(texts);
  });
});

describe('the replicas of a service', () => {
  const { HEALTHY, DOWN, STARTING, STOPPED } = ProcessState;
  const processes = [
    ...[
      { name: 'order', state: HEALTHY },
      { name: 'payment', state: STOPPED },
      { name: 'order-2', state: DOWN },
    ],
    { name: 'order-history', state: STOPPED },
  ];

  it('are those with its name, numbered or not', () => {
    expect(replicasOf(processes, 'order').map(({ name }) => name)).toEqual(['order', 'order-2']);
    expect(replicasOf(processes, 'analytics')).toEqual([]);
  });

  it.each([
    [[HEALTHY, HEALTHY], HEALTHY, 2],
    [[HEALTHY, STARTING], STARTING, 1],
    [[STARTING, DOWN, HEALTHY], DOWN, 1],
    [[], ProcessState.UNSPECIFIED, 0],
  ])('in the states %j are together in %i, %i of them healthy', (states, state, healthy) => {
    const all = states.map((one, at) => ({ name: `order-${at}`, state: one }));

    expect(stateOfReplicas(all)).toEqual({ state, healthy, all: states.length });
  });
});

describe('the map', () => {
  it('has a box for every service, inside the drawing', () => {
    expect(BOXES.map(({ name }) => name)).toEqual(expect.arrayContaining([...SERVICE_NAMES]));
    for (const { x, y } of BOXES) expect(x >= 0 && y >= 0 && x < MAP_WIDTH && y < MAP_HEIGHT).toBe(true);
  });

  it('draws each line from the edge of a box to the edge of another', () => {
    for (const line of LINES) expect(endsOf(line)).toBeDefined();
    expect(endsOf({ from: 'order', to: 'nowhere', kind: 'calls' })).toBeUndefined();
  });
});

describe('an event', () => {
  it('is shown as JSON', () => {
    const payload = toBinary(OrderCreatedSchema, create(OrderCreatedSchema, { orderId: '<b>' }));

    expect(JSON.parse(decodeEvent('shop.order.v1.OrderCreated', payload).text)).toEqual({ orderId: '<b>' });
  });

  it.each([
    ['shop.order.v1.OrderCreated', [0xff, 0x01]],
    ['shop.order.v1.Unknown', [0xff, 0x01]],
    ['', [0xff, 0x01]],
  ])('%s that cannot be read is shown as bytes', (subject, bytes) => {
    expect(decodeEvent(subject, new Uint8Array(bytes))).toEqual({ text: 'ff 01', readable: false });
  });
});

it.each([
  [['HOLDS', 'HOLDS'], 'all 2 hold', 'good'],
  [['HOLDS', 'UNKNOWN'], '1 of 2 wait for work in flight', 'wait'],
  [['VIOLATED', 'UNKNOWN'], '1 of 2 violated', 'bad'],
] as const)('the verdicts %j are "%s"', (states, text, tone) => {
  expect(describeVerdicts(states.map((name) => ({ state: VerdictState[name] })))).toEqual({ text, tone });
});

it('names an invariant in words', () => {
  expect(invariantTitle('charged-once')).toBe('Charged once');
});

it('counts what a consumer uses: RPCs by their requests, events, and the fields of all', () => {
  const file = (name: string) => ({ file: name, numbers: { a: 1, b: 2 } });
  const types = {
    'shop.payment.v1.ListChargesRequest': file('shop/payment/v1/payment_service.proto'),
    'shop.payment.v1.ListChargesResponse': file('shop/payment/v1/payment_service.proto'),
    'shop.payment.v1.PaymentFailed': file('shop/payment/v1/payment_events.proto'),
    'shop.payment.v1.Charge': file('shop/payment/v1/payment.proto'),
  };

  expect(listUsage([{ consumer: 'OrderService', provider: 'PaymentService', types, tests: [{}, {}] }])).toEqual([
    { consumer: 'order', provider: 'payment', rpcs: ['ListCharges'], events: ['PaymentFailed'], fields: 8, tests: 2 },
  ]);
});
