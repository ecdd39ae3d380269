// The gate of `make breaking` refuses a contract that would break a client of the released one, and names the rule.
import { expect, it } from 'vitest';
import { copyContract } from './contract-copy.ts';

const ORDER = 'shop/order/v1/order.proto';
const ORDER_EVENTS = 'shop/order/v1/order_events.proto';
const NOTIFICATION_EVENTS = 'shop/notification/v1/notification_events.proto';
const INVENTORY_SERVICE = 'shop/inventory/v1/inventory_service.proto';
const MONEY = 'shop/common/v1/money.proto';

it('accepts the present contract', async () => {
  await using contract = await copyContract();

  expect(await contract.findBreakingRules()).toEqual([]);
});

it('accepts a new field, a new RPC and a new enum value', async () => {
  await using contract = await copyContract();
  await contract.edit(
    ORDER,
    '  string pricing_version = 7;',
    '  string pricing_version = 7;\n  string campaign = 2000;',
  );
  await contract.edit(ORDER, '  STEP_STATE_RETRYING = 3;', '  STEP_STATE_RETRYING = 3;\n  STEP_STATE_SKIPPED = 2000;');
  await contract.edit(
    INVENTORY_SERVICE,
    'service InventoryService {',
    'service InventoryService {\n  rpc CountProducts(ListProductsRequest) returns (ListProductsResponse);',
  );

  expect(await contract.findBreakingRules()).toEqual([]);
});

it('refuses a removed field', async () => {
  await using contract = await copyContract();
  await contract.edit(ORDER, '  string pricing_version = 7;', '');

  expect(await contract.findBreakingRules()).toEqual(['FIELD_NO_DELETE']);
});

it('refuses a field with another number', async () => {
  await using contract = await copyContract();
  await contract.edit(ORDER, '  string pricing_version = 7;', '  string pricing_version = 2000;');

  expect(await contract.findBreakingRules()).toContain('FIELD_NO_DELETE');
});

it('refuses a field of another type', async () => {
  await using contract = await copyContract();
  await contract.edit(MONEY, '  int64 minor_units =', '  double minor_units =');

  expect(await contract.findBreakingRules()).toEqual(['FIELD_SAME_TYPE']);
});

it('refuses a renamed field', async () => {
  await using contract = await copyContract();
  await contract.edit(MONEY, '  int64 minor_units =', '  int64 cents =');

  expect(await contract.findBreakingRules()).toEqual(['FIELD_SAME_JSON_NAME', 'FIELD_SAME_NAME']);
});

it('refuses a single field made a list', async () => {
  await using contract = await copyContract();
  await contract.edit(ORDER, '  string pricing_version = 7;', '  repeated string pricing_version = 7;');

  expect(await contract.findBreakingRules()).toEqual(['FIELD_SAME_CARDINALITY']);
});

it('refuses a field whose absence can suddenly be told from its default', async () => {
  await using contract = await copyContract();
  await contract.edit(ORDER, '  string pricing_version = 7;', '  optional string pricing_version = 7;');

  expect(await contract.findBreakingRules()).toEqual(['FIELD_SAME_CARDINALITY']);
});

it('refuses a removed RPC', async () => {
  await using contract = await copyContract();
  await contract.edit(
    INVENTORY_SERVICE,
    'rpc GetProduct(GetProductRequest) returns (GetProductResponse) {\n    option idempotency_level = NO_SIDE_EFFECTS;\n  }',
    '',
  );

  expect(await contract.findBreakingRules()).toEqual(['RPC_NO_DELETE']);
});

it('refuses an RPC that answers with another message', async () => {
  await using contract = await copyContract();
  await contract.edit(INVENTORY_SERVICE, 'returns (GetProductResponse)', 'returns (UpsertProductResponse)');

  expect(await contract.findBreakingRules()).toEqual(['RPC_SAME_RESPONSE_TYPE']);
});

it('refuses an RPC that may no longer be retried', async () => {
  await using contract = await copyContract();
  await contract.edit(
    INVENTORY_SERVICE,
    'returns (ReserveStockResponse) {\n    option idempotency_level = IDEMPOTENT;\n  }',
    'returns (ReserveStockResponse);',
  );

  expect(await contract.findBreakingRules()).toEqual(['RPC_SAME_IDEMPOTENCY_LEVEL']);
});

it('refuses a renumbered enum value', async () => {
  await using contract = await copyContract();
  await contract.edit(ORDER, 'ORDER_STATUS_CANCELLED = 4;', 'ORDER_STATUS_CANCELLED = 2000;');

  expect(await contract.findBreakingRules()).toContain('ENUM_VALUE_NO_DELETE');
});

it('refuses an event renamed, since its name is its subject', async () => {
  await using contract = await copyContract();
  await contract.edit(ORDER_EVENTS, 'message OrderCreated {', 'message OrderPlaced {');

  expect(await contract.findBreakingRules()).toEqual(['MESSAGE_NO_DELETE']);
});

it('refuses a file moved to another package', async () => {
  await using contract = await copyContract();
  await contract.edit(NOTIFICATION_EVENTS, 'package shop.notification.v1;', 'package shop.mail.v1;');
  await contract.edit(
    NOTIFICATION_EVENTS,
    '  NotificationType type =',
    '  shop.notification.v1.NotificationType type =',
  );

  expect(await contract.findBreakingRules()).toContain('FILE_SAME_PACKAGE');
});

it('refuses a removed file', async () => {
  await using contract = await copyContract();
  await contract.remove('shop/inventory/v1/inventory_events.proto');

  expect(await contract.findBreakingRules()).toEqual(['FILE_NO_DELETE']);
});
