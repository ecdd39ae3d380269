// The sections of "Testing in a Microservices Architecture" that have an example test, and what the test of each has to prove here.
// A test names its section by a tag: `it('...', { tags: 'seed-4.4' }, ...)`. vitest refuses a tag that is not listed here.
import type { TestTagDefinition } from 'vitest';

/** What the tests of each section prove together, with the figures they use. */
export const SECTIONS = {
  '3.3': 'for product 12345 in stock, the order service reads available, quantity 100, and writes the contract file',
  '3.4': 'the real inventory, in every provider state of that file, honours every interaction',
  '4.1': 'mocked inventory with 50 in stock: an order of 10 x 12345 is confirmed by one reserve, for 10 x 12345',
  '4.2': 'a real client and an inventory that does not answer: PENDING, INVENTORY_CHECK_FAILED',
  '4.3': 'a real client and an inventory that answers internal: FAILED, with retry advice',
  '4.4': 'five timeouts, each PENDING; the sixth order is CIRCUIT_OPEN without a call; later half-open, then closed',
  '5.1':
    'an order of cust123, 59.99 for 1 x 12345: one OrderCreated with id, customer and total, on its stream and subject',
  '5.2': 'OrderCreated with 2 x prod456 of 100 and 1 x prod789 of 50 leaves 98 and 49',
  '5.3': 'OrderCreated of ord124 with 200 x prod456: one InsufficientStock for ord124, and the stock is unchanged',
  '5.4': 'real broker, order and inventory running: an order of 2 x prod456 leaves 98 within 5 s',
  '5.5': 'a confirmed order of cust123: its order confirmation for cust123 is found within 5 s',
  '6.2': 'virtual inventory on a real port with 100 of 12345: confirmed, and the journal has one reserve',
  '6.3': 'stub server started from the contract file: confirmed',
  '7.1': 'reservation res123, payment declined for insufficient funds: FAILED, PAYMENT_FAILED, res123 released once',
  '7.2': 'every step succeeds: confirmed, with one confirmation and one notification, in order, nothing compensated',
  '7.3':
    'one payment of 59.99 twice with key unique-key-123, or 50 at once: one charge, one transaction id; other amount: error',
  '8.1': 'synthetic orders: success and duration or the failure recorded; no money, mail or sales; deleted in the end',
  '8.2':
    'new pricing at 10 %: about 10 % of customers, always the same ones, and more as it grows; under 100; at 0 % all v1 at once',
  '8.3': 'inventory killed: PENDING, INVENTORY_UNAVAILABLE; after its restart the order completes and nothing is lost',
  '8.4':
    'payment slowed by 5,000 ms: TIMEOUT in under 3.0 s, fail fast from the sixth call, later charged exactly once',
} as const;

export type Section = keyof typeof SECTIONS;

/** The tag of a section's tests. */
export type SeedTag = `seed-${Section}`;

declare module 'vitest' {
  interface TestTags {
    seed: SeedTag;
  }
}

/** For `tags` of vitest's configuration. */
export const SEED_TAGS: TestTagDefinition[] = Object.entries(SECTIONS).map(([section, description]) => ({
  name: tagOf(section as Section),
  description,
}));

export function tagOf(section: Section): SeedTag {
  return `seed-${section}`;
}
