import { describe, expect, it } from 'vitest';
import { SpanKind } from '#gen/local/control/v1/control_pb.ts';
import { OrderStep, StepState } from '#gen/shop/order/v1/order_pb.ts';
import {
  placeOf,
  ROW_KINDS,
  type Row,
  rowsToShow,
  type TracePart,
  waterfallOf,
} from '#services/console/page/src/model/waterfall.ts';

const { SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL } = SpanKind;
const PAY = 'shop.payment.v1.PaymentService/ProcessPayment';
const CREATED = 'shop.order.v1.OrderCreated';

const at = (milliseconds: number) => ({ seconds: 1_000n, nanos: milliseconds * 1_000_000 }) as never;
const entry = (step: OrderStep, milliseconds: number, state: StepState = StepState.DONE, detail = '') => ({
  ...{ step, state, detail },
  time: at(milliseconds),
});
let count = 0;
const span = (process: string, kind: SpanKind, name: string, start = 0, length = 10, more: Partial<TracePart> = {}) => {
  count += 1;
  const duration = { seconds: 0n, nanos: length * 1_000_000 } as never;
  const ids = { spanId: `s${count}`, parentId: '' };
  return { process, kind, name, startTime: at(start), duration, outcome: 'ok', failed: false, ...ids, ...more };
};
const told = (rows: readonly Row[]) =>
  rows.map(({ kind, label, where, outcome }) => [kind, label, where, outcome].filter(Boolean).join(' | '));

describe('the waterfall of an order', () => {
  it('has steps, calls, events and mail on one axis, by their beginning, a step before its calls', () => {
    const call = span('order', CLIENT, PAY, 30, 60);
    const { rows, begin, milliseconds } = waterfallOf(
      [entry(OrderStep.CREATE, 0), entry(OrderStep.RESERVE_STOCK, 30), entry(OrderStep.PROCESS_PAYMENT, 100)],
      [
        span('notification', CLIENT, 'send mail', 150, 50),
        span('payment', SERVER, PAY, 40, 30, { parentId: call.spanId }),
        call,
        span('order', PRODUCER, `publish ${CREATED}`, 5),
        span('inventory', CONSUMER, `handle ${CREATED}`, 8, 10, { outcome: 'applied' }),
      ],
    );

    expect(told(rows)).toEqual([
      'step | Accept the order',
      'step | Reserve stock',
      'event | OrderCreated | order publishes',
      'event | OrderCreated | inventory applies',
      'step | Charge the customer',
      'call | ProcessPayment | order → payment',
      'mail | Mail | notification sends',
    ]);
    expect(rows.map((row) => [row.begin - begin, row.milliseconds])).toEqual([
      [0, 0],
      [0, 30],
      [5, 10],
      [8, 10],
      [30, 70],
      [30, 60],
      [150, 50],
    ]);
    expect(rows[5]?.served).toMatchObject({ begin: begin + 40, milliseconds: 30 });
    expect(milliseconds).toBe(200);
  });

  it('numbers the attempts of a call, and says how each failed', () => {
    const failed = { failed: true, outcome: 'deadline_exceeded' };
    const { rows } = waterfallOf([], [span('order', CLIENT, PAY, 20), span('order', CLIENT, PAY, 0, 10, failed)]);

    expect(told(rows)).toEqual([
      'call | ProcessPayment | order → payment | deadline exceeded',
      'call | ProcessPayment, attempt 2 | order → payment',
    ]);
    expect(rows.map(({ tone }) => tone)).toEqual(['bad', 'good']);
  });

  it('shows a call over HTTP that is no RPC by its method', () => {
    const { rows } = waterfallOf([], [span('payment', CLIENT, 'POST', 5), span('payment', CLIENT, 'POST', 40)]);

    expect(told(rows)).toEqual(['call | HTTP POST | payment calls', 'call | HTTP POST, attempt 2 | payment calls']);
  });

  it('shows a call served only where no caller was traced, and a forwarded call once', () => {
    const name = 'shop.order.v1.OrderService/CreateOrder';
    const arrived = span('console', SERVER, name);
    const forwarded = span('console', CLIENT, name, 1, 10, { parentId: arrived.spanId });
    const served = span('order', SERVER, name, 2, 5, { parentId: forwarded.spanId });

    expect(told(waterfallOf([], [arrived, forwarded, served]).rows)).toEqual(['call | CreateOrder | console → order']);
    expect(told(waterfallOf([], [served]).rows)).toEqual(['call | CreateOrder | → order']);
  });

  it('leaves out events that a service ignores, and work without calls', () => {
    const spans = [
      span('notification', CONSUMER, `handle ${CREATED}`, 0, 1, { outcome: 'ignored' }),
      span('order', INTERNAL, 'resume order'),
    ];

    expect(waterfallOf([], spans).rows).toEqual([]);
  });

  it('says why a step was refused or tried again', () => {
    const { rows } = waterfallOf(
      [
        entry(OrderStep.PROCESS_PAYMENT, 0, StepState.RETRYING, 'payment did not answer'),
        entry(OrderStep.PROCESS_PAYMENT, 9, StepState.REFUSED),
      ],
      [],
    );

    expect(rows.map(({ outcome, tone }) => [outcome, tone])).toEqual([
      ['tried again: payment did not answer', 'wait'],
      ['refused', 'bad'],
    ]);
  });

  it('is drawn when there is nothing, and when nothing takes time', () => {
    expect(waterfallOf([], [])).toEqual({ rows: [], begin: 0, milliseconds: 1 });
    expect(waterfallOf([entry(OrderStep.CREATE, 5)], []).milliseconds).toBe(1);
  });
});

it.each([
  [0, 50, 0, 0.5],
  [50, 50, 0.5, 0.5],
  [100, 0, 0.99, 0.01],
  [-20, 10, 0, 0.1],
  [0, 900, 0, 1],
])('a row from %i for %i stands at %d of the axis, %d wide', (begin, milliseconds, start, share) => {
  expect(placeOf({ begin, milliseconds }, { begin: 0, milliseconds: 100 }, 0.01)).toEqual({ start, share });
});

it('shows the first and the last rows of the wanted kinds, and says how many are left out', () => {
  const rows = Array.from({ length: 10 }, (_, at) => ({ key: `${at}`, kind: at < 8 ? 'call' : 'mail' }) as Row);

  expect(rowsToShow(rows, new Set(ROW_KINDS), 10)).toEqual({ first: rows, leftOut: 0, last: [] });
  const { first, leftOut, last } = rowsToShow(rows, new Set(['call']), 4);
  expect([first.map(({ key }) => key), leftOut, last.map(({ key }) => key)]).toEqual([['0', '1'], 4, ['6', '7']]);
});
