// What CreateOrder answers, row by row: docs/failures.md shows this table.
import { readFileSync } from 'node:fs';
import { type DescEnum, isMessage } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { garbage, startFaultProxy } from '@touchstone/kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderReason, OrderReasonSchema, OrderStatus, OrderStatusSchema } from '#gen/shop/order/v1/order_pb.ts';
import {
  type CreateOrderResponse,
  CreateOrderResponse_OutcomeSchema,
  CreateOrderResponseSchema,
} from '#gen/shop/order/v1/order_service_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { type OrderFixture, startOrderFixture, validRequest } from '../../support/services/order.ts';
import { startTcpGate, type TcpGate } from '../../support/tcp-gate.ts';
import { PATIENT } from './patience.ts';

const { reserveStock, confirmReservation } = InventoryService.method;
const { processPayment } = PaymentService.method;

/** Outcome, reason, and the status of the order. */
type Answer = readonly [outcome: string, reason: string, order: string];

type Case = {
  /** Sets up the condition; places the order itself, or leaves that to the test. */
  readonly given: (fixture: OrderFixture, resources: AsyncDisposableStack) => unknown;
  readonly settings?: Record<string, string>;
  /** It ends or exhausts something other than the answers of the dependencies, so that no other case can follow on its service. */
  readonly isLast?: true;
  /** The answer, where the table's cells describe it in words. */
  readonly answer?: Answer;
  /** The final status once the condition is over. */
  readonly ends?: OrderStatus;
};

type Row = {
  readonly when: string;
  readonly cells: readonly [outcome: string, reason: string, order: string, afterwards: string];
  readonly cases: readonly Case[];
};

const inventoryAway: Answer = ['PENDING', 'INVENTORY_UNAVAILABLE', 'PENDING'];
const paymentAway: Answer = ['PENDING', 'PAYMENT_UNAVAILABLE', 'PENDING'];
const CONFIRMED: Answer = ['CONFIRMED', '', 'CONFIRMED'];
const ends = OrderStatus.CONFIRMED;
const RESUMES = 'resumes by itself';
// How long a dependency that hangs is waited for does not matter here; what is answered then does.
const SOON = { ORDER_INVENTORY_TIMEOUT_MS: '500', ORDER_PAYMENT_TIMEOUT_MS: '500' };
const RARELY_FULL = { MAX_CALLS: '4', MAX_QUEUED_CALLS: '8', MAX_QUEUE_MS: '200' };

const reserving = ({ inventory }: OrderFixture) => inventory.virtual.stub(reserveStock);
const confirming = ({ inventory }: OrderFixture) => inventory.virtual.stub(confirmReservation);
const paying = ({ payment }: OrderFixture) => payment.virtual.stub(processPayment);

const rows: readonly Row[] = [
  { when: 'nothing fails', cells: ['CONFIRMED', '', 'CONFIRMED', 'a mail'], cases: [{ given: () => undefined }] },
  {
    when: 'inventory does not answer in time',
    cells: ['PENDING', 'INVENTORY_CHECK_FAILED', 'PENDING', RESUMES],
    cases: [{ given: (fixture) => reserving(fixture).hangs(), settings: SOON, ends }],
  },
  {
    when: 'inventory is unreachable',
    cells: ['PENDING', 'INVENTORY_UNAVAILABLE', 'PENDING', RESUMES],
    cases: [{ given: (fixture) => reserving(fixture).fails(Code.Unavailable, 'away'), ends }],
  },
  {
    when: 'inventory answers with an internal error',
    cells: ['FAILED, with retry advice', 'INVENTORY_ERROR', 'FAILED', 'stock is released; a new order may be tried'],
    cases: [{ given: (fixture) => reserving(fixture).fails(Code.Internal, 'out of order') }],
  },
  {
    when: "inventory's circuit breaker is open",
    cells: ['CIRCUIT_OPEN', 'INVENTORY_UNAVAILABLE', 'PENDING', RESUMES],
    cases: [{ given: (fixture) => openBreaker(fixture, reserving(fixture)), ends, isLast: true }],
  },
  {
    when: 'there is not enough stock',
    cells: ['FAILED', 'INSUFFICIENT_STOCK', 'FAILED', ''],
    cases: [{ given: refuseForLackOfStock }],
  },
  {
    when: 'the payment is declined',
    cells: ['FAILED', 'PAYMENT_FAILED', 'FAILED', 'stock is released'],
    cases: [{ given: (fixture) => paying(fixture).replies({ charge: { status: ChargeStatus.DECLINED } }) }],
  },
  {
    when: 'payment does not answer in time',
    cells: ['TIMEOUT', 'PAYMENT_TIMEOUT', 'PENDING', 'settled once, never charged twice'],
    cases: [{ given: (fixture) => paying(fixture).hangs(), settings: SOON, ends }],
  },
  {
    when: 'payment is unreachable or fails',
    cells: ['PENDING', 'PAYMENT_UNAVAILABLE', 'PENDING', RESUMES],
    cases: [
      { given: (fixture) => paying(fixture).fails(Code.Unavailable, 'away'), ends },
      { given: (fixture) => paying(fixture).fails(Code.Internal, 'out of order'), ends },
    ],
  },
  {
    when: 'the provider fails this payment until `FAILING_PAYMENT_LIMIT_MS`, and its key is sent again',
    cells: ['FAILED', 'PAYMENT_FAILED', 'FAILED', 'stock is released, the charge refunded'],
    cases: [{ given: outlastFailingPayment, settings: { FAILING_PAYMENT_LIMIT_MS: '1000' } }],
  },
  {
    when: "payment's circuit breaker is open",
    cells: ['CIRCUIT_OPEN', 'PAYMENT_UNAVAILABLE', 'PENDING', RESUMES],
    cases: [{ given: (fixture) => openBreaker(fixture, paying(fixture)), ends, isLast: true }],
  },
  {
    when: 'the confirmation of the reservation fails or hangs',
    cells: ['PENDING', 'INVENTORY_UNAVAILABLE', 'PENDING', 'retried until it succeeds'],
    cases: [
      { given: (fixture) => confirming(fixture).fails(Code.Internal, 'out of order'), ends },
      { given: (fixture) => confirming(fixture).hangs(), settings: SOON, ends },
      { given: (fixture) => confirming(fixture).fails(Code.InvalidArgument, 'order_id'), ends },
      { given: corruptAnswers('inventory', 'shop.inventory.v1.InventoryService/ConfirmReservation'), ends },
    ],
  },
  {
    when: 'a dependency sheds load',
    cells: ['PENDING', 'its UNAVAILABLE reason', 'PENDING', RESUMES],
    cases: [
      { given: (fixture) => reserving(fixture).fails(Code.ResourceExhausted, 'full'), answer: inventoryAway, ends },
      { given: (fixture) => paying(fixture).fails(Code.ResourceExhausted, 'full'), answer: paymentAway, ends },
    ],
  },
  {
    when: 'a dependency does not understand the request, or its response cannot be read',
    cells: ['PENDING', 'its UNAVAILABLE reason', 'PENDING', RESUMES],
    cases: [
      { given: (fixture) => reserving(fixture).fails(Code.InvalidArgument, 'lines'), answer: inventoryAway, ends },
      { given: (fixture) => paying(fixture).fails(Code.Unimplemented, 'not here yet'), answer: paymentAway, ends },
      { given: corruptAnswers('inventory'), answer: inventoryAway, ends },
      { given: corruptAnswers('payment'), answer: paymentAway, ends },
    ],
  },
  {
    when: 'the caller, or `ORDER_BUDGET_MS`, leaves too little time for the next step',
    cells: ['PENDING', 'BUDGET_EXHAUSTED', 'PENDING', 'resumes by itself'],
    cases: [{ given: ({ client }) => client.createOrder(validRequest(), { timeoutMs: 490 }), ends }],
  },
  {
    when: 'the order has no verdict after `ORDER_LIMIT_MS`, and its key is sent again',
    cells: ['FAILED', 'TIME_LIMIT_EXCEEDED', 'FAILED', 'stock is released, the charge refunded'],
    cases: [{ given: outlastLimit, settings: { ORDER_LIMIT_MS: '1000' } }],
  },
  {
    when: 'the broker is down or hangs',
    cells: ['as if the broker were up', '', '', 'the events follow later'],
    cases: [
      { given: ({ nats }) => nats.kill(), answer: CONFIRMED, isLast: true },
      { given: placeBesideSilentBroker, answer: CONFIRMED },
    ],
  },
  {
    when: 'the same key again, same content',
    cells: ['from the current state of the order', '', '', 'no second order'],
    cases: [{ given: (fixture) => placeTwice(fixture, {}), answer: CONFIRMED }],
  },
  {
    when: 'the same key again, other content',
    cells: ['error `failed_precondition` IDEMPOTENCY_KEY_REUSED', '', '', ''],
    cases: [{ given: (fixture) => placeTwice(fixture, { customerId: 'another-customer' }) }],
  },
  {
    when: 'the prices have never been loaded',
    cells: [
      'error `unavailable` CATALOGUE_NOT_LOADED with RetryInfo',
      '',
      '',
      'nothing was stored: retry with the same key',
    ],
    cases: [{ given: placeWithoutPrices, isLast: true }],
  },
  {
    when: 'the order database is down or hangs',
    cells: [
      'error `unavailable` DATABASE_UNAVAILABLE with RetryInfo',
      '',
      '',
      'retry with the same key to learn whether it was accepted',
    ],
    cases: [
      { given: placeWithoutDatabase((gate) => gate.shut()) },
      { given: placeWithoutDatabase((gate) => gate.silence()), settings: { DATABASE_TIMEOUT_MS: '500' } },
    ],
  },
  {
    when: 'too many calls at once',
    cells: [
      'error `resource_exhausted` OVERLOADED with RetryInfo',
      '',
      '',
      'nothing was stored: retry with the same key',
    ],
    cases: [{ given: placeTooMany, settings: RARELY_FULL }],
  },
];

const cases = rows.flatMap(({ when, cells: [outcome, reason, order], cases }) =>
  cases.map((each) => ({ when, answer: [outcome, reason, order] as const, ...each })),
);

const startFixture = (settings: Record<string, string> = {}) =>
  startOrderFixture({ ...PATIENT, ORDER_MAX_RESUME_MS: '1000', BREAKER_RESET_MS: '1000', ...settings });

/** The fixture of the cases in which only the answers of the dependencies differ. */
let shared: OrderFixture;
beforeAll(async () => {
  shared = await startFixture();
});
afterAll(() => shared[Symbol.asyncDispose]());

it.each(cases)('$when: $answer.0 $answer.1', async ({ given, settings, answer: expected, ends, isLast }) => {
  await using resources = new AsyncDisposableStack();
  const isAlone = settings !== undefined || isLast === true;
  const fixture = isAlone ? resources.use(await startFixture(settings)) : shared;
  resources.defer(() => fixture.heal());
  const conditions = resources.use(new AsyncDisposableStack());

  const answer = await place(fixture, conditions, given);

  expect(answer instanceof ConnectError ? describeRefusal(answer) : describeAnswer(answer)).toEqual(expected);
  if (ends === undefined || answer instanceof ConnectError) return;
  fixture.heal();
  await conditions.disposeAsync();
  await fixture.reaches(answer.order?.orderId ?? '', ends, 15_000);
});

it('is the table in docs/failures.md', () => {
  const page = readFileSync(new URL('../../../docs/failures.md', import.meta.url), 'utf8');
  const table = rows.map(({ when, cells }) =>
    [when, ...cells].reduce((line, cell) => `${line} ${cell} |`.replace('|  |', '| |'), '|'),
  );

  expect(page).toContain(`\n${table.join('\n')}\n\n`);
});

async function place(
  fixture: OrderFixture,
  resources: AsyncDisposableStack,
  given: Case['given'],
): Promise<CreateOrderResponse | ConnectError> {
  try {
    const placed = await given(fixture, resources);
    return isMessage(placed, CreateOrderResponseSchema) ? placed : await fixture.place();
  } catch (error) {
    return ConnectError.from(error);
  }
}

function describeAnswer({ outcome, reason, order, retry }: CreateOrderResponse): Answer {
  return [
    `${nameOf(CreateOrderResponse_OutcomeSchema, outcome)}${retry?.newKey ? ', with retry advice' : ''}`,
    reason === OrderReason.UNSPECIFIED ? '' : nameOf(OrderReasonSchema, reason),
    nameOf(OrderStatusSchema, order?.status ?? 0),
  ];
}

function describeRefusal(error: ConnectError): Answer {
  const code = (Code[error.code] ?? '').replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  const advice = error.findDetails(RetryInfoSchema).length > 0 ? ' with RetryInfo' : '';
  return [`error \`${code}\` ${error.findDetails(ErrorInfoSchema)[0]?.reason}${advice}`, '', ''];
}

function nameOf(enumeration: DescEnum, value: number): string {
  return enumeration.value[value]?.localName ?? String(value);
}

async function openBreaker(
  fixture: OrderFixture,
  stub: { fails(code: Code, message: string): unknown },
): Promise<void> {
  stub.fails(Code.Unavailable, 'away');
  await Promise.all(Array.from({ length: 5 }, () => fixture.place()));
}

function refuseForLackOfStock(fixture: OrderFixture): void {
  const reason = { desc: ErrorInfoSchema, value: { reason: 'INSUFFICIENT_STOCK', domain: 'shop' } };
  reserving(fixture).fails(Code.FailedPrecondition, 'not enough of 12345', [reason] as never);
}

function corruptAnswers(dependency: 'inventory' | 'payment', rpc = '*'): Case['given'] {
  return async (fixture, resources) => {
    const proxy = resources.use(await startFaultProxy({ upstream: fixture[dependency].url }));
    const replica = await fixture.startReplica({ [`${dependency.toUpperCase()}_URL`]: proxy.url });
    // Stopped with its proxy: otherwise it would go on claiming the order, and failing.
    resources.defer(() => replica.stop());
    proxy.inject(garbage(), { rpc });
    return await replica.client.createOrder(validRequest());
  };
}

async function outlastLimit(fixture: OrderFixture): Promise<CreateOrderResponse> {
  paying(fixture).fails(Code.Unavailable, 'away');
  return await placeUntilFailed(fixture);
}

async function outlastFailingPayment(fixture: OrderFixture): Promise<CreateOrderResponse> {
  paying(fixture).fails(Code.Unavailable, 'no outcome', [
    { desc: ErrorInfoSchema, value: { reason: 'PAYMENT_PROVIDER_ERROR', domain: 'shop' } },
  ]);
  return await placeUntilFailed(fixture);
}

async function placeUntilFailed(fixture: OrderFixture): Promise<CreateOrderResponse> {
  const request = validRequest();
  const { order } = await fixture.client.createOrder(request);
  await fixture.reaches(order?.orderId ?? '', OrderStatus.FAILED);
  return await fixture.client.createOrder(request);
}

async function placeTwice(fixture: OrderFixture, change: { customerId?: string }): Promise<CreateOrderResponse> {
  const request = validRequest();
  const first = await fixture.client.createOrder(request);
  const second = await fixture.client.createOrder({ ...request, ...change });
  expect(second.order?.orderId).toBe(first.order?.orderId);
  return second;
}

async function placeBesideSilentBroker(
  fixture: OrderFixture,
  resources: AsyncDisposableStack,
): Promise<CreateOrderResponse> {
  const url = new URL(fixture.nats.url('order'));
  const gate = resources.use(await startTcpGate(Number(url.port)));
  url.port = String(gate.port);
  const replica = await fixture.startReplica({ NATS_URL: url.href });
  await expect.poll(async () => (await replica.ops.getStatus({})).status?.broker?.connected).toBe(true);
  gate.silence();
  const answer = await replica.client.createOrder(validRequest());
  gate.shut(); // So that the stop need not wait for it.
  return answer;
}

async function placeWithoutPrices(
  fixture: OrderFixture,
  resources: AsyncDisposableStack,
): Promise<CreateOrderResponse> {
  await fixture.inventory.goDown();
  const empty = resources.use(await createTestDatabase('order'));
  const replica = await fixture.startReplica({ ORDER_DATABASE_URL: empty.databaseUrl });
  resources.defer(() => replica.stop());
  return await replica.client.createOrder(validRequest());
}

function placeWithoutDatabase(breakIt: (gate: TcpGate) => void): Case['given'] {
  return async (fixture, resources) => {
    const url = new URL(fixture.database.databaseUrl);
    const gate = resources.use(await startTcpGate(Number(url.port)));
    url.port = String(gate.port);
    const replica = await fixture.startReplica({ ORDER_DATABASE_URL: url.href });
    resources.defer(() => replica.stop());
    breakIt(gate);
    return await replica.client.createOrder(validRequest());
  };
}

async function placeTooMany(fixture: OrderFixture): Promise<CreateOrderResponse> {
  paying(fixture)
    .delays(30)
    .replies(({ orderId }) => ({ charge: { orderId, status: ChargeStatus.COMPLETED, transactionId: 'ch-1' } }));
  return (await Promise.all(Array.from({ length: 60 }, () => fixture.place())))[0]!;
}
