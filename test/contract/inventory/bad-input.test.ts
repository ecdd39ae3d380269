// Invalid requests of every RPC: every violation is reported at once, and the service keeps serving.
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { BadRequestSchema } from '#gen/google/rpc/error_details_pb.ts';
import { failureOf, type RunningInventory, startInventoryFixture } from '../../support/services/inventory.ts';

type Call = (client: RunningInventory['client']) => Promise<unknown>;

const LONG = 'x'.repeat(129);
const LINE = { productId: 'prod456', quantity: 1 };

const CASES: readonly (readonly [what: string, call: Call, fields: readonly string[]])[] = [
  ['CheckAvailability without a product', (client) => client.checkAvailability({}), ['product_id']],
  [
    'CheckAvailability of a 129-character id',
    (client) => client.checkAvailability({ productId: LONG }),
    ['product_id'],
  ],
  ['GetProduct without a product', (client) => client.getProduct({}), ['product_id']],
  ['GetProduct of an id with a line break', (client) => client.getProduct({ productId: 'a\nb' }), ['product_id']],
  [
    'ListProducts with a page below zero and a token of its own',
    (client) => client.listProducts({ pageSize: -2, pageToken: 'mine' }),
    ['page_size', 'page_token'],
  ],
  ['ListProducts with a negative page', (client) => client.listProducts({ pageSize: -1 }), ['page_size']],
  ['UpsertProduct of nothing', (client) => client.upsertProduct({}), ['product_id', 'name', 'unit_price']],
  [
    'UpsertProduct with everything wrong',
    (client) =>
      client.upsertProduct({
        productId: LONG,
        name: 'n'.repeat(201),
        unitPrice: { currencyCode: 'eur', minorUnits: -1n },
        initialOnHand: -1,
      }),
    ['product_id', 'name', 'unit_price.currency_code', 'unit_price.minor_units', 'initial_on_hand'],
  ],
  [
    'UpsertProduct at a price no total could hold',
    (client) =>
      client.upsertProduct({
        productId: 'p',
        name: 'n',
        unitPrice: { currencyCode: 'EUR', minorUnits: 1_000_000_000_001n },
      }),
    ['unit_price.minor_units'],
  ],
  ['AdjustStock of nothing', (client) => client.adjustStock({}), ['idempotency_key', 'product_id', 'delta']],
  [
    'AdjustStock past what can be counted',
    (client) => client.adjustStock({ idempotencyKey: 'key', productId: 'prod456', delta: 2_147_483_647 }),
    ['delta'],
  ],
  ['ReserveStock of nothing', (client) => client.reserveStock({}), ['order_id', 'lines']],
  [
    'ReserveStock of quantities 0, -1 and 10,001',
    (client) =>
      client.reserveStock({
        orderId: 'ord1',
        lines: [
          { productId: 'a', quantity: 0 },
          { productId: 'b', quantity: -1 },
          { productId: 'c', quantity: 10_001 },
        ],
      }),
    ['lines[0].quantity', 'lines[1].quantity', 'lines[2].quantity'],
  ],
  [
    'ReserveStock of one product twice',
    (client) => client.reserveStock({ orderId: 'ord1', lines: [LINE, { productId: 'prod789', quantity: 1 }, LINE] }),
    ['lines[2].product_id'],
  ],
  [
    'ReserveStock of 1,000 lines',
    (client) =>
      client.reserveStock({
        orderId: LONG,
        lines: Array.from({ length: 1_000 }, (_, index) => ({ productId: `p${index}`, quantity: 1 })),
      }),
    ['order_id', 'lines'],
  ],
  [
    'ConfirmReservation of nothing, by a long id',
    (client) => client.confirmReservation({ reservationId: LONG }),
    ['order_id', 'reservation_id'],
  ],
  [
    'ReleaseReservation of nothing, by a long id',
    (client) => client.releaseReservation({ reservationId: LONG }),
    ['order_id', 'reservation_id'],
  ],
];

it('reports every invalid field of every RPC and keeps serving', async () => {
  await using fixture = await startInventoryFixture();

  for (const [what, call, fields] of CASES) {
    const failure = await failureOf(call(fixture.client));
    expect(Code[failure.code], what).toBe('InvalidArgument');
    const named = failure.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field);
    expect(named, what).toEqual(fields);
  }

  expect(await fixture.available('prod456')).toBe(100);
});

it('names the first of two lines with the same product', async () => {
  await using fixture = await startInventoryFixture();

  const failure = await failureOf(fixture.client.reserveStock({ orderId: 'ord1', lines: [LINE, LINE] }));

  const [violation] = failure.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  expect(violation).toMatchObject({ field: 'lines[1].product_id', description: 'is the product of lines[0] again' });
});

it('accepts the largest and longest allowed values', async () => {
  await using fixture = await startInventoryFixture();
  await fixture.client.upsertProduct({
    productId: 'x'.repeat(128),
    name: 'n'.repeat(200),
    unitPrice: { currencyCode: 'EUR', minorUnits: 1_000_000_000_000n },
    initialOnHand: 2_147_483_647,
  });

  const { reservation } = await fixture.client.reserveStock({
    orderId: 'o'.repeat(128),
    lines: [{ productId: 'x'.repeat(128), quantity: 10_000 }],
  });

  expect(reservation?.lines).toMatchObject([{ quantity: 10_000 }]);
  expect(await fixture.available('x'.repeat(128))).toBe(2_147_473_647);
});

it('does not reserve for synthetic orders of callers without the credential', async () => {
  await using fixture = await startInventoryFixture();

  const lines = [{ productId: 'test-product', quantity: 1 }];
  const failure = await failureOf(fixture.client.reserveStock({ orderId: 'ord1', lines, synthetic: true }));

  expect(Code[failure.code]).toBe('PermissionDenied');
  expect(failure.rawMessage).toContain('need the credential');
  expect(await fixture.available('test-product')).toBe(1_000);
});

it('refuses unreadable messages, in JSON and in binary', async () => {
  await using fixture = await startInventoryFixture();
  const post = (type: string, body: string) =>
    fetch(`${fixture.url}/shop.inventory.v1.InventoryService/ReserveStock`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });

  for (const [type, body] of [
    ['application/json', '{"order_id": '],
    ['application/json', '{"order_id": "a", "lines": 7}'],
    ['application/json', '{"order_id": "\\ud800"}'],
    ['application/proto', '\u0007garbage'],
  ] as const) {
    const response = await post(type, body);
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'invalid_argument' }]);
  }
  expect((await post('application/json', `{"order_id": "${'a'.repeat(10_000_000)}"}`)).status).toBe(429);
  expect(await fixture.available('prod456')).toBe(100);
});
