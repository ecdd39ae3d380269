// The breaking gate (`make breaking`): a contract that breaks a client of the released one is refused by the name of the rule.
import { expect, it } from 'vitest';
import { breakingRulesAfter, INVENTORY_SERVICE, ORDER, OTHER_PACKAGE } from './contract-copy.ts';

const ORDER_EVENTS = 'shop/order/v1/order_events.proto';
const MONEY = 'shop/common/v1/money.proto';
const PRICING_VERSION = '  string pricing_version = 7;';

it('accepts the current contract', async () => {
  const rules = await breakingRulesAfter();

  expect(rules).toEqual([]);
});

it('accepts a new field, a new RPC and a new enum value', async () => {
  const rules = await breakingRulesAfter(
    [ORDER, PRICING_VERSION, `${PRICING_VERSION}\n  string campaign = 2000;`],
    [ORDER, '  STEP_STATE_RETRYING = 3;', '  STEP_STATE_RETRYING = 3;\n  STEP_STATE_SKIPPED = 2000;'],
    [
      INVENTORY_SERVICE,
      'service InventoryService {',
      'service InventoryService {\n  rpc CountProducts(ListProductsRequest) returns (ListProductsResponse);',
    ],
  );

  expect(rules).toEqual([]);
});

it('refuses a removed field', async () => {
  const rules = await breakingRulesAfter([ORDER, PRICING_VERSION, '']);

  expect(rules).toEqual(['FIELD_NO_DELETE']);
});

it('refuses a renumbered field', async () => {
  const rules = await breakingRulesAfter([ORDER, PRICING_VERSION, '  string pricing_version = 2000;']);

  expect(rules).toContain('FIELD_NO_DELETE');
});

it('refuses a field of another type', async () => {
  const rules = await breakingRulesAfter([MONEY, '  int64 minor_units =', '  double minor_units =']);

  expect(rules).toEqual(['FIELD_SAME_TYPE']);
});

it('refuses a renamed field', async () => {
  const rules = await breakingRulesAfter([MONEY, '  int64 minor_units =', '  int64 cents =']);

  expect(rules).toEqual(['FIELD_SAME_JSON_NAME', 'FIELD_SAME_NAME']);
});

it('refuses a singular field that becomes repeated', async () => {
  const rules = await breakingRulesAfter([ORDER, PRICING_VERSION, '  repeated string pricing_version = 7;']);

  expect(rules).toEqual(['FIELD_SAME_CARDINALITY']);
});

it('refuses a field that becomes optional', async () => {
  const rules = await breakingRulesAfter([ORDER, PRICING_VERSION, '  optional string pricing_version = 7;']);

  expect(rules).toEqual(['FIELD_SAME_CARDINALITY']);
});

it('refuses a removed RPC', async () => {
  const rules = await breakingRulesAfter([
    INVENTORY_SERVICE,
    'rpc GetProduct(GetProductRequest) returns (GetProductResponse) {\n    option idempotency_level = NO_SIDE_EFFECTS;\n    option (shop.access.v1.access) = {\n      roles: [ROLE_PUBLIC]\n    };\n  }',
    '',
  ]);

  expect(rules).toEqual(['RPC_NO_DELETE']);
});

it('refuses an RPC with another response type', async () => {
  const rules = await breakingRulesAfter([
    INVENTORY_SERVICE,
    'returns (GetProductResponse)',
    'returns (UpsertProductResponse)',
  ]);

  expect(rules).toEqual(['RPC_SAME_RESPONSE_TYPE']);
});

it('refuses an RPC that may no longer be retried', async () => {
  const rules = await breakingRulesAfter([
    INVENTORY_SERVICE,
    'returns (ReserveStockResponse) {\n    option idempotency_level = IDEMPOTENT;',
    'returns (ReserveStockResponse) {',
  ]);

  expect(rules).toEqual(['RPC_SAME_IDEMPOTENCY_LEVEL']);
});

it('refuses a renumbered enum value', async () => {
  const rules = await breakingRulesAfter([ORDER, 'ORDER_STATUS_CANCELLED = 4;', 'ORDER_STATUS_CANCELLED = 2000;']);

  expect(rules).toContain('ENUM_VALUE_NO_DELETE');
});

it('refuses a renamed event, because its name is its subject', async () => {
  const rules = await breakingRulesAfter([ORDER_EVENTS, 'message OrderCreated {', 'message OrderPlaced {']);

  expect(rules).toEqual(['MESSAGE_NO_DELETE']);
});

it('refuses a file moved to another package', async () => {
  const rules = await breakingRulesAfter(...OTHER_PACKAGE);

  expect(rules).toContain('FILE_SAME_PACKAGE');
});

it('refuses a removed file', async () => {
  const rules = await breakingRulesAfter(['shop/inventory/v1/inventory_events.proto']);

  expect(rules).toEqual(['FILE_NO_DELETE']);
});
