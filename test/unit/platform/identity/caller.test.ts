import { expect, it } from 'vitest';
import { type Caller, callerName, GUEST, scopedKey } from '#services/platform/identity/caller.ts';

const as = (kind: 'customer' | 'operator', id: string): Caller => ({ kind, id });

it('callers of different kinds never have one name', () => {
  const names = [GUEST, as('customer', 'guest'), as('operator', 'guest'), as('customer', 'operator:guest')].map(
    callerName,
  );
  expect(names).toEqual(['guest', 'customer:guest', 'operator:guest', 'customer:operator:guest']);
});

it.each([
  [scopedKey(GUEST, 'k'), scopedKey(as('customer', 'a'), 'k')],
  [scopedKey(as('customer', 'a'), 'b k'), scopedKey(as('customer', 'a b'), 'k')],
  [scopedKey(as('customer', 'a'), ':k'), scopedKey(as('customer', 'a:'), 'k')],
  [scopedKey(GUEST, 'k'), 'k'],
])('%j is another key than %j', (one, other) => {
  expect(one).not.toBe(other);
});
