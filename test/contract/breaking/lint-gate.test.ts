// The lint gate: a contract that violates the style is refused by the name of the rule.
import { expect, it } from 'vitest';
import { INVENTORY_SERVICE, lintRulesAfter, ORDER, OTHER_PACKAGE } from './contract-copy.ts';

it('accepts the current contract', async () => {
  const rules = await lintRulesAfter();

  expect(rules).toEqual([]);
});

it('refuses a message, a field, an RPC and an enum value without a comment', async () => {
  const rules = await lintRulesAfter(
    [ORDER, '// How a step ended.\n', 'message Bare {\n  string name = 1;\n}\n\n// How a step ended.\n'],
    [ORDER, '  STEP_STATE_RETRYING = 3;', '  STEP_STATE_RETRYING = 3;\n  STEP_STATE_BARE = 2000;'],
    [INVENTORY_SERVICE, '  // Lists products by id.\n', ''],
  );

  expect(rules).toEqual(
    expect.arrayContaining(['COMMENT_ENUM_VALUE', 'COMMENT_FIELD', 'COMMENT_MESSAGE', 'COMMENT_RPC']),
  );
});

it('refuses an enum value without the prefix of its enum', async () => {
  const rules = await lintRulesAfter([ORDER, 'STEP_STATE_RETRYING = 3;', 'RETRYING = 3;']);

  expect(rules).toEqual(['ENUM_VALUE_PREFIX']);
});

it('refuses an enum whose zero value has a meaning', async () => {
  const rules = await lintRulesAfter([ORDER, 'STEP_STATE_UNSPECIFIED = 0;', 'STEP_STATE_STARTED = 0;']);

  expect(rules).toEqual(['ENUM_ZERO_VALUE_SUFFIX']);
});

it('refuses a request message that two RPCs share', async () => {
  const rules = await lintRulesAfter([
    INVENTORY_SERVICE,
    'rpc GetProduct(GetProductRequest)',
    'rpc GetProduct(CheckAvailabilityRequest)',
  ]);

  expect(rules).toEqual(expect.arrayContaining(['RPC_REQUEST_RESPONSE_UNIQUE', 'RPC_REQUEST_STANDARD_NAME']));
});

it('refuses a package that differs from its folder', async () => {
  const rules = await lintRulesAfter(...OTHER_PACKAGE);

  expect(rules).toContain('PACKAGE_DIRECTORY_MATCH');
});
