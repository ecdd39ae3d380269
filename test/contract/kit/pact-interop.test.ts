// Our contract files in the hands of tools that we did not write: the verifier of pact-js and pact-stub-server.
import { readFile } from 'node:fs/promises';
import { type Client, Code, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { runSaga } from '#services/order/order-saga.ts';
import {
  changeError,
  contractFile,
  type Drift,
  openSession,
  type SqlSession,
  startDriftProxy,
} from '../../support/contracts/contracts.ts';
import { headersOf } from '../../support/identity/credentials.ts';
import { createFakeSaga } from '../../support/services/fake-dependencies.ts';
import { failureOf, type InventoryFixture, startInventoryFixture } from '../../support/services/inventory.ts';
import { frozenDeadline } from '../../support/services/order-builders.ts';
import { createInventoryStates } from '../inventory/provider-states.ts';
import { acceptedOrder, ORDER_ID, RESERVATION_ID } from '../order/consumer-fixture.ts';
import { startVerifiedPayment } from '../payment/provider-states.ts';
import { type PactVerdict, pactIsMissing, startPactStub, verifyByPact } from './pact-tools.ts';

const INVENTORY_FILE = contractFile('OrderService', 'InventoryService');
const PAYMENT_FILE = contractFile('OrderService', 'PaymentService');
const reservation = { orderId: ORDER_ID, lines: [{ productId: '12345', quantity: 1 }] };

const resources = new AsyncDisposableStack();
let inventory: InventoryFixture;
let session: SqlSession;

beforeAll(async () => {
  inventory = resources.use(await startInventoryFixture());
  session = resources.use(await openSession(inventory.database.superuserUrl));
});
afterAll(() => resources.disposeAsync());

async function verifyInventory(url: string): Promise<PactVerdict> {
  const states = createInventoryStates(inventory, session);
  return verifyByPact(INVENTORY_FILE, {
    name: 'InventoryService',
    url,
    states,
    headers: await headersOf('service', 'order'),
  });
}

/** The descriptions of the unary calls in a contract file: those that Pact can replay. */
async function unaryCallsOf(file: string): Promise<string[]> {
  const { interactions } = JSON.parse(await readFile(file, 'utf8'));
  return interactions
    .filter(({ type }: { type: string }) => type === 'Synchronous/HTTP')
    .map(({ description }: { description: string }) => description);
}

/** A client whose calls Pact can read, with all that the contract wants of a call. */
function inventoryInJson(baseUrl: string): Client<typeof InventoryService> {
  const traced: Interceptor = (next) => (request) => {
    request.header.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    return next(request);
  };
  const json = { httpVersion: '1.1', useBinaryFormat: false } as const;
  const transport = createConnectTransport({ baseUrl, ...json, interceptors: [traced], defaultTimeoutMs: 1_000 });
  return createClient(InventoryService, transport);
}

describe.skipIf(pactIsMissing)(`Pact's verifier${pactIsMissing ? ` (skipped: ${pactIsMissing})` : ''}`, () => {
  it('finds every unary call honoured by the real inventory', async () => {
    const verdict = await verifyInventory(inventory.url);

    expect(verdict.faults).toEqual({});
    expect(verdict.replayed).toEqual(await unaryCallsOf(INVENTORY_FILE));
  });

  it('finds every unary call honoured by the real payment', async () => {
    await using payment = await startVerifiedPayment();

    const { fixture, states } = payment;
    const verdict = await verifyByPact(PAYMENT_FILE, {
      name: 'PaymentService',
      url: fixture.url,
      states,
      headers: await headersOf('service', 'order'),
    });

    expect(verdict.faults).toEqual({});
    expect(verdict.replayed).toEqual(await unaryCallsOf(PAYMENT_FILE));
  });

  it('finds what an inventory that has drifted does otherwise', async () => {
    const drift: Drift<typeof InventoryService> = {
      checkAvailability: async (request, real) => ({ ...(await real.checkAvailability(request)), quantity: 7 }),
      confirmReservation: (request, real) =>
        changeError(real.confirmReservation(request), ({ details }) => [Code.Aborted, details]),
      reserveStock: (request, real) => changeError(real.reserveStock(request), ({ code }) => [code, []]),
    };
    await using front = await startDriftProxy(InventoryService, inventory.client, drift);

    const { faults } = await verifyInventory(front.url);

    expect(faults).toEqual({
      'a question for the availability of a product of which more is wanted': expect.stringContaining('$.quantity'),
      'a question for the availability of product 12345': expect.stringContaining('$.quantity'),
      'a reservation for a test order without the credential': expect.stringContaining(
        'missing the following keys: details',
      ),
      'a reservation for other lines than before': expect.stringContaining('missing the following keys: details'),
      'a reservation of more than there is': expect.stringContaining('missing the following keys: details'),
      'a reservation that comes too late': expect.stringContaining('missing the following keys: details'),
      'the sale of what is released': expect.stringContaining('$.code'),
      'the sale of what was never reserved': expect.stringContaining('$.code'),
    });
  });
});

describe.skipIf(pactIsMissing)(`pact-stub-server${pactIsMissing ? ` (skipped: ${pactIsMissing})` : ''}`, () => {
  it('leads the saga of the order service to the end that the contract has', async () => {
    await using stub = await startPactStub(INVENTORY_FILE, [
      'product 12345 exists with stock',
      'stock is reserved for the order',
    ]);

    const saga = { ...createFakeSaga(acceptedOrder()), inventory: inventoryInJson(stub.url) };

    const { order } = await runSaga(saga, acceptedOrder(), frozenDeadline(2_500));

    expect(order).toMatchObject({ status: 'CONFIRMED', reservationId: RESERVATION_ID });
  });

  it('answers its errors as the contract has them, with their details', async () => {
    await using stub = await startPactStub(INVENTORY_FILE, ['product 12345 is sold out']);

    const error = await failureOf(inventoryInJson(stub.url).reserveStock(reservation));

    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: 'INSUFFICIENT_STOCK', domain: 'shop' }]);
  });

  it('has no answer to a call that is not in the contract', async () => {
    await using stub = await startPactStub(INVENTORY_FILE, ['product 12345 exists with stock']);

    const error = await failureOf(inventoryInJson(stub.url).reserveStock({ ...reservation, synthetic: true }));

    expect(error.code).toBe(Code.Unimplemented);
  });
});
