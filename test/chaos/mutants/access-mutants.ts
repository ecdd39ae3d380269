// The mutants of access: each drops one check of who calls, or of what a caller may see.
import type { Mutant } from './mutant.ts';

export const ACCESS_MUTANTS: readonly Mutant[] = [
  {
    name: 'let everyone call a method that declares no access',
    file: 'services/platform/server/access-policy.ts',
    search: "  if (declared === undefined) return { kind: 'denied',",
    replacement:
      "  if (declared === undefined) return ALLOWED;\n  if (declared === undefined) return { kind: 'denied',",
    caughtBy: [
      { file: 'test/unit/platform/server/access-policy.test.ts', name: 'lets no one call it, not even an operator' },
    ],
  },
  {
    name: 'take any service for the one that may call',
    file: 'services/platform/server/access-policy.ts',
    search: "  if (caller.kind === 'service') return services.includes(caller.id);",
    replacement: "  if (caller.kind === 'service') return services.length > 0;",
    caughtBy: [
      { file: 'test/unit/platform/server/access-policy.test.ts', name: 'a service is known by its whole name' },
    ],
  },
  {
    name: 'take a wrong token for none',
    file: 'services/platform/server/access-control.ts',
    search: '    return await verifyToken(token);',
    replacement: '    return await verifyToken(token).catch(() => GUEST);',
    caughtBy: [
      {
        file: 'test/unit/platform/server/access-control.test.ts',
        name: 'is refused where no token is needed, too',
      },
    ],
  },
  {
    name: 'accept tokens for another audience',
    file: 'services/platform/identity/token-verifier.ts',
    search: '      audience,\n      algorithms',
    replacement: '      algorithms',
    caughtBy: [
      {
        file: 'test/integration/platform/identity/token-verifier.test.ts',
        name: 'for another audience is refused, also one that begins the same',
      },
    ],
  },
  {
    name: 'show a customer the orders that guests placed under its id',
    file: 'services/order/order.ts',
    search: " && order.placedBy !== 'guest';",
    replacement: ';',
    caughtBy: [
      {
        file: 'test/integration/order/access.test.ts',
        name: 'who takes the name of a customer shows that customer nothing',
      },
    ],
  },
  {
    name: 'find the order of another caller by its key',
    file: 'services/order/order-store.ts',
    search: ' and order_key.placed_by = ',
    replacement: " and order_key.placed_by <> 'x' || ",
    caughtBy: [
      {
        file: 'test/integration/order/order-store-callers.test.ts',
        name: 'belongs to its caller: two callers may use the same one',
      },
    ],
  },
];
