// The real inventory, with its database and broker, verified against its consumers' contracts; a drifted one is reported by name.
import { readFile } from 'node:fs/promises';
import { Code } from '@connectrpc/connect';
import { type Verification, verifyProvider, type WireName } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import {
  brokenInteractions,
  changeError,
  contractFile,
  type Drift,
  ERROR_DETAILS,
  openSession,
  type SqlSession,
  startDriftProxy,
} from '../../support/contracts/contracts.ts';
import { keepVerification } from '../../support/contracts/verification-results.ts';
import { headersOf } from '../../support/identity/credentials.ts';
import { type InventoryFixture, startInventoryFixture } from '../../support/services/inventory.ts';
import { createInventoryStates } from './provider-states.ts';

const FILE = contractFile('OrderService', 'InventoryService');
const ONE_WIRE: WireName[] = ['gRPC, HTTP/2'];

const resources = new AsyncDisposableStack();
let inventory: InventoryFixture;
let session: SqlSession;

// One service for the file: every state is set up and undone.
beforeAll(async () => {
  inventory = resources.use(await startInventoryFixture());
  session = resources.use(await openSession(inventory.database.superuserUrl));
});
afterAll(() => resources.disposeAsync());

async function verify(url: string, wires?: readonly WireName[]): Promise<Verification> {
  return await verifyProvider({
    headers: await headersOf('service', 'order'),
    contracts: FILE,
    provider: 'InventoryService',
    url,
    services: [InventoryService],
    types: ERROR_DETAILS,
    states: createInventoryStates(inventory, session),
    ...(wires && { wires }),
  });
}

/** Verifies the real service behind a front that overrides some RPCs. */
async function verifyDrifted(drift: Drift<typeof InventoryService>): Promise<Verification> {
  await using front = await startDriftProxy(InventoryService, inventory.client, drift);
  return await verify(front.url, ONE_WIRE);
}

describe('inventory', () => {
  it('honours every interaction of OrderService, in every protocol and HTTP version', {
    tags: 'seed-3.4',
  }, async () => {
    const verification = await verify(inventory.url);

    await keepVerification(FILE, 'calls', verification);
    verification.assertHonoured();
    const { interactions } = JSON.parse(await readFile(FILE, 'utf8'));
    const calls = interactions.filter(({ type }: { type: string }) => type !== 'Asynchronous/Messages');
    expect(verification.interactions.map(({ checks }) => checks.map(({ wire }) => wire))).toEqual(
      calls.map(() => [
        'Connect JSON, HTTP/1.1',
        'Connect JSON, HTTP/2',
        'Connect binary, HTTP/1.1',
        'Connect binary, HTTP/2',
        'gRPC, HTTP/2',
        'gRPC-Web, HTTP/1.1',
        'gRPC-Web, HTTP/2',
      ]),
    );
  });

  it('is not verified while a state of its consumers is missing', { tags: 'seed-3.4' }, async () => {
    const { 'what the order had reserved is sold': _missing, ...states } = createInventoryStates(inventory, session);

    await expect(
      verifyProvider({
        contracts: FILE,
        url: inventory.url,
        services: [InventoryService],
        types: ERROR_DETAILS,
        states,
      }),
    ).rejects.toThrow(/there is no handler for\n {2}"what the order had reserved is sold", for "[^"]+"$/);
  });

  it.each<{
    drift: string;
    front: Drift<typeof InventoryService>;
    broken: string[];
    reported: string;
  }>([
    {
      drift: 'a count that is no longer given',
      front: {
        checkAvailability: async (request, real) => ({ ...(await real.checkAvailability(request)), quantity: 0 }),
      },
      broken: [
        'a question for the availability of a product of which more is wanted, given product prod789 is nearly sold out',
        'a question for the availability of product 12345, given product 12345 exists with stock',
      ],
      reported: 'quantity\n      expected 100\n      actual   0',
    },
    {
      drift: 'a field left empty',
      front: {
        listProducts: async (request, real) => ({ ...(await real.listProducts(request)), nextPageToken: '' }),
      },
      broken: ['a question for the first page of products, given the catalogue fills two pages'],
      reported: 'nextPageToken\n      expected "WyJ0TFR2RGV2dDV2OEoiLCJwYWdlLTE5OSJd"\n      actual   ""',
    },
    {
      drift: 'another error code',
      front: {
        reserveStock: (request, real) =>
          changeError(real.reserveStock(request), ({ details }) => [Code.Aborted, details]),
      },
      broken: [
        'a reservation for a test order without the credential, given the test product is in stock',
        'a reservation for other lines than before, given the order has reserved something else',
        'a reservation of more than there is, given product 12345 is sold out',
        'a reservation that comes too late, given the order was released before it asked',
      ],
      reported: 'error.code\n      expected failed_precondition\n      actual   aborted',
    },
    {
      drift: 'a reason that is missing from an error',
      front: {
        confirmReservation: (request, real) => changeError(real.confirmReservation(request), ({ code }) => [code, []]),
      },
      broken: [
        'the sale of what is released, given what the order had reserved is released',
        'the sale of what was never reserved, given nothing is known of the order',
      ],
      reported: `error.details[0]\n      expected a ${ErrorInfoSchema.typeName}\n      actual   nothing`,
    },
  ])('that has drifted is reported by name: $drift', async ({ front, broken, reported }) => {
    const verification = await verifyDrifted(front);

    expect(brokenInteractions(verification)).toEqual(broken);
    expect(verification.toString()).toContain(reported);
  });
});
