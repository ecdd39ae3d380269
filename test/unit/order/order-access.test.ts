import { describe, expect, it } from 'vitest';
import { isLimited, mayAccess, requireOwnCustomerId } from '#services/order/order.ts';
import { type Caller, GUEST } from '#services/platform/identity/caller.ts';

const ALICE: Caller = { kind: 'customer', id: 'alice' };
const BOB: Caller = { kind: 'customer', id: 'bob' };
const OPERATOR: Caller = { kind: 'operator', id: 'alice' };
const MONITOR: Caller = { kind: 'monitor', id: 'alice' };
const SERVICE: Caller = { kind: 'service', id: 'alice' };

describe('an order of alice', () => {
  it.each([
    { placedBy: 'customer:alice', seenBy: [ALICE, OPERATOR] },
    { placedBy: 'operator:olga', seenBy: [ALICE, OPERATOR] },
    { placedBy: 'monitor:alice', seenBy: [ALICE, OPERATOR, MONITOR] },
    { placedBy: 'guest', seenBy: [GUEST, OPERATOR] },
  ])('placed by $placedBy is seen by those and no others', ({ placedBy, seenBy }) => {
    const everyone = [GUEST, ALICE, BOB, OPERATOR, MONITOR, SERVICE];
    expect(everyone.filter((caller) => mayAccess(caller, { customerId: 'alice', placedBy }))).toEqual(
      everyone.filter((caller) => seenBy.includes(caller)),
    );
  });
});

describe('a customer id', () => {
  it.each([GUEST, ALICE, OPERATOR, MONITOR])('alice may be named by $kind', (caller) => {
    expect(() => requireOwnCustomerId(caller, 'alice')).not.toThrow();
  });

  it.each(['bob', 'alic', 'alice2', 'Alice', ''])('%j may not be named by the customer alice', (customerId) => {
    expect(() => requireOwnCustomerId(ALICE, customerId)).toThrow(
      expect.objectContaining({ kind: 'permission_denied', reason: 'NOT_YOUR_CUSTOMER_ID' }),
    );
  });
});

it.each([
  ['guest', true],
  ['customer:alice', true],
  ['operator:olga', false],
  ['monitor:monitor', false],
  ['operator:customer:alice', false],
])('the pending orders of a customer are limited where %s places them: %s', (placedBy, limited) => {
  expect(isLimited(placedBy)).toBe(limited);
});
