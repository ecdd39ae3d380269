// The lint gate refuses a contract that is not in the house style, and names the rule.
import { expect, it } from 'vitest';
import { copyContract } from './contract-copy.ts';

const ORDER = 'shop/order/v1/order.proto';
const NOTIFICATION_EVENTS = 'shop/notification/v1/notification_events.proto';
const INVENTORY_SERVICE = 'shop/inventory/v1/inventory_service.proto';

it('accepts the present contract', async () => {
  await using contract = await copyContract();

  expect(await contract.findLintRules()).toEqual([]);
});

it('refuses a message, a field, an RPC and an enum value without a comment', async () => {
  await using contract = await copyContract();
  await contract.edit(
    ORDER,
    '// How a step ended.\n',
    'message Bare {\n  string name = 1;\n}\n\n// How a step ended.\n',
  );
  await contract.edit(ORDER, '  STEP_STATE_RETRYING = 3;', '  STEP_STATE_RETRYING = 3;\n  STEP_STATE_BARE = 2000;');
  await contract.edit(INVENTORY_SERVICE, '  // Lists products by id.\n', '');

  expect(await contract.findLintRules()).toEqual(
    expect.arrayContaining(['COMMENT_ENUM_VALUE', 'COMMENT_FIELD', 'COMMENT_MESSAGE', 'COMMENT_RPC']),
  );
});

it('refuses an enum value without the prefix of its enum', async () => {
  await using contract = await copyContract();
  await contract.edit(ORDER, 'STEP_STATE_RETRYING = 3;', 'RETRYING = 3;');

  expect(await contract.findLintRules()).toEqual(['ENUM_VALUE_PREFIX']);
});

it('refuses an enum whose zero means something', async () => {
  await using contract = await copyContract();
  await contract.edit(ORDER, 'STEP_STATE_UNSPECIFIED = 0;', 'STEP_STATE_STARTED = 0;');

  expect(await contract.findLintRules()).toEqual(['ENUM_ZERO_VALUE_SUFFIX']);
});

it('refuses a request message that two RPCs share', async () => {
  await using contract = await copyContract();
  await contract.edit(
    INVENTORY_SERVICE,
    'rpc GetProduct(GetProductRequest)',
    'rpc GetProduct(CheckAvailabilityRequest)',
  );

  expect(await contract.findLintRules()).toEqual(
    expect.arrayContaining(['RPC_REQUEST_RESPONSE_UNIQUE', 'RPC_REQUEST_STANDARD_NAME']),
  );
});

it('refuses a package that is not its folder', async () => {
  await using contract = await copyContract();
  await contract.edit(NOTIFICATION_EVENTS, 'package shop.notification.v1;', 'package shop.mail.v1;');
  await contract.edit(
    NOTIFICATION_EVENTS,
    '  NotificationType type =',
    '  shop.notification.v1.NotificationType type =',
  );

  expect(await contract.findLintRules()).toContain('PACKAGE_DIRECTORY_MATCH');
});
