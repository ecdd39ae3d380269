// The mutants by the authors of the tests: each breaks one promise of the platform about money, stock or events.
import { ACCESS_MUTANTS } from './access-mutants.ts';
import type { Mutant } from './mutant.ts';

const BATCHES: readonly Mutant[] = [
  {
    name: 'give an item the result of another',
    file: 'services/platform/storage/batcher.ts',
    search: 'resolve(results[index] as Result);',
    replacement: 'resolve(results[entries.length - 1 - index] as Result);',
    caughtBy: [
      { file: 'test/unit/platform/storage/batcher.test.ts', name: 'that arrives while a batch runs is run together' },
    ],
  },
  {
    name: 'fail all items of a batch for one',
    file: 'services/platform/storage/batcher.ts',
    search: 'if (entries.length === 1 || !isOfOneItem(error)) {',
    replacement: 'if (entries.length === 1 || isOfOneItem(error) || !isOfOneItem(error)) {',
    caughtBy: [
      { file: 'test/unit/platform/storage/batcher.test.ts', name: 'runs its items one at a time, so that' },
      {
        file: 'test/integration/platform/messaging/event-consumer.test.ts',
        name: 'holds up none of the events behind its own',
      },
    ],
  },
  {
    name: 'acknowledge the rest of a batch that failed',
    file: 'services/platform/storage/batcher.ts',
    search: '    for (const entry of entries) await runBatch(run, [entry]);\n',
    replacement:
      '    await runBatch(run, entries.slice(0, 1));\n    for (const { resolve } of entries) resolve(true as Result);\n',
    caughtBy: [{ file: 'test/unit/platform/storage/batcher.test.ts', name: 'runs its items one at a time, so that' }],
  },
  {
    name: 'reserve for several orders although the stock does not suffice for all',
    file: 'services/inventory/reservation-store.ts',
    search: '    where not exists (select from line where line.available < line.quantity)\n',
    replacement:
      '    where (select count(*) from draft) > 1 or not exists (select from line where line.available < line.quantity)\n',
    caughtBy: [
      {
        file: 'test/integration/inventory/reservation-store.test.ts',
        name: 'are none of them reserved when it does not',
      },
    ],
  },
];

const EVENTS: readonly Mutant[] = [
  {
    name: 'ignore the inbox',
    file: 'services/platform/messaging/inbox.ts',
    search: '    const fresh = events.filter(({ event }) => recorded.delete(event.id.toLowerCase()));\n',
    replacement: '    const fresh = recorded.size < 0 ? [] : events;\n',
    caughtBy: [
      {
        file: 'test/integration/platform/messaging/event-consumer.test.ts',
        name: 'is applied once, however often it is delivered',
      },
    ],
  },
  {
    name: 'acknowledge an event before it is applied',
    file: 'services/platform/messaging/event-consumer.ts',
    search: '    const applied = await handling.apply(prepareEvent(event, handler));\n    message.ack();\n',
    replacement: '    message.ack();\n    const applied = await handling.apply(prepareEvent(event, handler));\n',
    caughtBy: [
      {
        file: 'test/integration/platform/messaging/event-consumer.test.ts',
        name: 'is retried, its failed effects rolled back',
      },
    ],
  },
  {
    name: 'never store a dead letter',
    file: 'services/platform/messaging/event-consumer.ts',
    search: 'if (attempts < MAX_ATTEMPTS && !isTerminal(error)) {',
    replacement: 'if (attempts < Number.POSITIVE_INFINITY && !isTerminal(error)) {',
    caughtBy: [
      {
        file: 'test/integration/platform/messaging/event-consumer.test.ts',
        name: 'five times stores its event as a dead letter',
      },
    ],
  },
  {
    name: 'relay without locking the rows',
    file: 'services/platform/messaging/outbox-relay.ts',
    search: ' for update skip locked`',
    replacement: '`',
    caughtBy: [
      {
        file: 'test/integration/platform/messaging/outbox-relay.test.ts',
        name: 'are skipped, and published if that replica does not publish them',
      },
    ],
  },
  {
    name: 'replay a dead letter whose event was applied',
    file: 'services/platform/messaging/dead-letters.ts',
    search: '        if (isUuid(id) && !(await recordReceipt(transaction, { stream, id }))) return;\n',
    replacement: '        if (isUuid(id)) await recordReceipt(transaction, { stream, id });\n',
    caughtBy: [
      {
        file: 'test/integration/platform/messaging/dead-letters.test.ts',
        name: 'of an event that was applied in the meantime only deletes the letter',
      },
    ],
  },
];

const ORDERS: readonly Mutant[] = [
  {
    name: 'let a verdict change',
    file: 'services/order/order.ts',
    search: `  if (order.verdict !== undefined) throw new Error(\`order \${order.orderId} is decided already`,
    replacement: `  if (order.orderId === "") throw new Error(\`order \${order.orderId} is decided already`,
    caughtBy: [{ file: 'test/unit/order/order.test.ts', name: 'never changes: after' }],
  },
  {
    name: 'release before the verdict is stored',
    file: 'services/order/order-saga.ts',
    search: "  return { kind: 'passed', order: decideFail(",
    replacement: `  const { orderId, reservationId } = result.order;
  await dependencies.inventory.releaseReservation({ orderId, reservationId });
  return { kind: 'passed', order: decideFail(`,
    caughtBy: [{ file: 'test/unit/order/order-saga.test.ts', name: 'stores the verdict before it releases' }],
  },
  {
    name: 'confirm before the verdict is stored',
    file: 'services/order/order-saga.ts',
    search: "  if (result.kind === 'done') return pass(decideConfirm(",
    replacement: `  const { orderId, reservationId } = result.order;
  if (result.kind === 'done') await dependencies.inventory.confirmReservation({ orderId, reservationId });
  if (result.kind === 'done') return pass(decideConfirm(`,
    caughtBy: [
      { file: 'test/unit/order/order-saga.test.ts', name: 'goes in order: reserve, charge, verdict stored, confirm' },
    ],
  },
  {
    name: 'store an order without checking its version',
    file: 'services/order/order-store.ts',
    search: 'and orders.version = change.previous_version returning',
    replacement: 'and change.previous_version is not null returning',
    caughtBy: [
      {
        file: 'test/integration/order/order-store.test.ts',
        name: 'from an older version stores nothing, and no event',
      },
    ],
  },
  {
    name: 'publish the event of a change that was not stored',
    file: 'services/order/order-store.ts',
    search: 'sql`select order_id from saved`)})',
    replacement: 'sql`select order_id from change`)})',
    caughtBy: [
      {
        file: 'test/integration/order/order-store.test.ts',
        name: 'from an older version stores nothing, and no event',
      },
    ],
  },
  {
    name: 'ignore the request hash',
    file: 'services/order/create-order.ts',
    search: '  if (known.requestHash !== key.requestHash) {',
    replacement: '  if (known.requestHash !== key.requestHash && key.requestHash === "") {',
    caughtBy: [
      {
        file: 'test/unit/order/create-order-duplicate.test.ts',
        name: 'is compared field by field: a shifted boundary is other content',
      },
    ],
  },
  {
    name: 'claim orders without a lease',
    file: 'services/order/order-store.ts',
    search: `update orders set lease_until = now() + \${milliseconds(leaseMs)}, resume_time = now()`,
    replacement: `update orders set lease_until = now() + 0 * \${milliseconds(leaseMs)}, resume_time = now()`,
    caughtBy: [
      { file: 'test/integration/order/order-store.test.ts', name: 'takes an order once: the claim is a lease' },
    ],
  },
  {
    name: 'compensate nothing when inventory answers internal',
    file: 'services/order/saga-table.ts',
    search: "    internal: terminal('INVENTORY_ERROR', EVERYTHING_OWED),\n",
    replacement: "    internal: terminal('INVENTORY_ERROR', NOTHING_OWED),\n",
    caughtBy: [
      { file: 'test/unit/order/saga-table.test.ts', name: 'inventory answers internal: FAILED, INVENTORY_ERROR' },
    ],
  },
  {
    name: 'let an older price replace a newer one',
    file: 'services/order/price-store.ts',
    search: '\n       where excluded.version > product_price.version`',
    replacement: '`',
    caughtBy: [{ file: 'test/integration/order/prices.test.ts', name: 'is that of the newest version' }],
  },
  {
    name: 'treat a broken connection as an answer',
    file: 'services/platform/client/dependency-error.ts',
    search: '  if (code === Code.Internal && isTransportFailure(cause)) ',
    replacement: '  if (code === Code.DataLoss && isTransportFailure(cause)) ',
    caughtBy: [{ file: 'test/unit/platform/client/dependency-error.test.ts', name: 'that broke with ' }],
  },
  {
    name: 'treat an unimplemented RPC as a refusal',
    file: 'services/platform/client/dependency-error.ts',
    search: "    case Code.Unimplemented:\n      return 'not_understood';\n",
    replacement: "    case Code.Unimplemented:\n      return 'refused';\n",
    caughtBy: [
      {
        file: 'test/integration/order/outcome-table.test.ts',
        name: 'a dependency does not understand the ',
      },
    ],
  },
  {
    name: 'treat an unreadable answer as an internal error',
    file: 'services/platform/client/dependency-error.ts',
    search: "    if (status === undefined) return 'unreadable';\n",
    replacement: "    if (status === undefined) return 'internal';\n",
    caughtBy: [
      {
        file: 'test/integration/order/outcome-table.test.ts',
        name: 'a dependency does not understand the ',
      },
    ],
  },
];

const STOCK: readonly Mutant[] = [
  {
    name: 'release an unknown order without a tombstone',
    file: 'services/inventory/release-reservation.ts',
    search: 'const tombstone = await insertTombstone(database, { orderId, reservationId: newId(), time: now() });',
    replacement: `const nothing = { lines: [], shortages: [], version: 1, synthetic: false, updateTime: now() };
    const tombstone: Reservation | undefined = { orderId, reservationId: newId(), state: 'RELEASED', ...nothing };`,
    caughtBy: [
      {
        file: 'test/integration/inventory/order-created.test.ts',
        name: 'does not reserve by an event delivered after the release of its order',
      },
    ],
  },
  {
    name: 'answer a duplicate with the first answer, not the current state',
    file: 'services/inventory/reservation.ts',
    search: "    case 'RELEASED':\n      return released(reservation);\n    case 'RESERVED':\n    case 'CONFIRMED':\n",
    replacement: "    case 'RELEASED':\n    case 'RESERVED':\n    case 'CONFIRMED':\n",
    caughtBy: [
      { file: 'test/unit/inventory/reservation.test.ts', name: 'is refused when the order is rejected or released' },
    ],
  },
  {
    name: 'reserve stock without locking it',
    file: 'services/inventory/reservation-store.ts',
    search: `(array(select product_id from total))
    order by product_id for update
`,
    replacement: `(array(select product_id from total))
    order by product_id
`,
    caughtBy: [{ file: 'test/integration/inventory/lock-waits.test.ts', name: 'reserves what is ' }],
  },
  {
    name: 'compute stock from its value before the lock wait',
    file: 'services/inventory/reservation-store.ts',
    search: 'set on_hand = line.on_hand, reserved = line.reserved + moved.quantity,',
    replacement: 'set reserved = product.reserved + moved.quantity,',
    caughtBy: [{ file: 'test/integration/inventory/lock-waits.test.ts', name: 'reserves what is ' }],
  },
  {
    name: 'release a reservation without its stock',
    file: 'services/inventory/reservation-store.ts',
    search: "  stock: 'reserved = product.reserved - moved.quantity',",
    replacement: "  stock: 'reserved = product.reserved - 0 * moved.quantity',",
    caughtBy: [{ file: 'test/integration/inventory/reservations.test.ts', name: 'releases once, publishes once' }],
  },
];

const MONEY: readonly Mutant[] = [
  {
    name: 'charge before the intent is stored',
    file: 'services/payment/process-payment.ts',
    search: '    const created = await store.insertIntent(intent);\n',
    replacement: `    const key = ['charge', createHash('sha256').update(orderId).digest('hex')].join('-');
    await settlement.providerFor(intent).charge(key, intent, { timeoutMs: 1_000, counted: false });
    const created = await store.insertIntent(intent);
`,
    caughtBy: [
      { file: 'test/unit/payment/process-payment.test.ts', name: 'stores the charge before it calls the provider' },
    ],
  },
  {
    name: 'send the provider a new key at every call',
    file: 'services/payment/settlement.ts',
    search: "  const key = providerKey('charge', orderId);\n",
    replacement: `  const key = providerKey('charge', \`\${orderId} at \${performance.now()}\`);\n`,
    caughtBy: [{ file: 'test/unit/payment/settlement.test.ts', name: 'charges with the order’s own key' }],
  },
  {
    name: 'void a charge while a call may be in flight',
    file: 'services/payment/settlement.ts',
    search: '    if (latest.callWindowMs === 0 || synthetic) {',
    replacement: '    if (latest.callWindowMs >= 0 || synthetic) {',
    caughtBy: [
      {
        file: 'test/unit/payment/settlement.test.ts',
        name: 'looks again after the call window is over',
      },
    ],
  },
  {
    name: 'retry a call whose key may have expired',
    file: 'services/payment/settlement.ts',
    search: '    if (open.intentAgeMs >= dependencies.keySafeMs) {',
    replacement: '    if (open.intentAgeMs >= Number.POSITIVE_INFINITY) {',
    caughtBy: [{ file: 'test/integration/payment/settlement.test.ts', name: 'is looked up, never retried' }],
  },
  {
    name: 'refund an order never charged without a tombstone',
    file: 'services/payment/charge-store.ts',
    search: `select \${orderId}::text, \${refundKey}::text, 'REFUNDED', false, 1, \${traceOfCall()}::text
    where not exists`,
    replacement: `select \${orderId}::text, \${refundKey}::text, 'REFUNDED', false, 1, \${traceOfCall()}::text
    where \${orderId} = '' and not exists`,
    caughtBy: [
      {
        file: 'test/integration/payment/refund-payment.test.ts',
        name: 'of an order never charged inserts a tombstone: it can never be charged',
      },
    ],
  },
  {
    name: 'create a new Message-ID for every mail',
    file: 'services/notification/notification.ts',
    search: `return \`<\${notificationId}@notification.customers.example>\`;`,
    replacement: `return \`<\${notificationId}.\${performance.now()}@notification.customers.example>\`;`,
    caughtBy: [
      {
        file: 'test/unit/notification/notification.test.ts',
        name: 'has a Message-ID derived from the notification id',
      },
    ],
  },
];

export const MUTANTS: readonly Mutant[] = [...BATCHES, ...EVENTS, ...ORDERS, ...STOCK, ...MONEY, ...ACCESS_MUTANTS];
