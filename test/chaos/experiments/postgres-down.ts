// The database is down: orders are refused with RetryInfo, and a retry with the same key creates one order.
import { Code } from '@connectrpc/connect';
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { stopProcess } from './runner/faults.ts';
import {
  areChargedOnce,
  drawKey,
  failureOf,
  haveStatus,
  type PlacedOrder,
  placeOrder,
  placeUntilAnswered,
} from './runner/orders.ts';
import { isStillServing } from './runner/steady-state.ts';

const ORDERS = 5;
const DOWN_MS = 3_000;

export const postgresDown = defineExperiment({
  name: 'postgres-down',
  title: 'The database is down',
  hypothesis:
    'Orders are refused at once with `unavailable` and a retry delay; the services stay up and report that they cannot ' +
    'serve. When the database is back, retrying the same key creates exactly one order.',
  fault: 'The Postgres server of all services is stopped, and started at the end.',
  blastRadius: 'The whole shop, while the database is down.',
  abort: { when: 'The order service no longer answers its operators', limitMs: 40_000, watch: isStillServing('order') },
  measuredBy:
    'A connection to the port of the database, which succeeds before the fault and must be refused during it.',
  scenariosPerSecond: 3,
  platform: 'shared',
  inject: ({ subject }) => stopProcess(subject, 'postgres'),
  observe: async ({ subject, random, check, wait }: ExperimentContext) => {
    await wait(DOWN_MS);
    const keys = Array.from({ length: ORDERS }, () => drawKey(random));
    const failures = await Promise.all(
      keys.map((idempotencyKey) => failureOf(placeOrder(subject, random, { idempotencyKey }))),
    );
    check('Every order is refused with `unavailable` and a retry delay', {
      holds: failures.every((failure) => failure?.code === Code.Unavailable && (failure.retryAfterMs ?? 0) > 0),
      seen: failures
        .map((failure) => `${failure?.words ?? 'accepted'}, retry after ${failure?.retryAfterMs} ms`)
        .join('; '),
    });
    const { status } = await subject.ops('order').getStatus({}, { timeoutMs: 3_000 });
    check('The order service reports it', {
      holds: status?.databaseUp === false,
      seen: `database up: ${status?.databaseUp}`,
    });
    return keys;
  },
  recover: async (context, keys) => {
    const { subject, check, eventually } = context;
    const placed: PlacedOrder[] = [];
    for (const idempotencyKey of keys) placed.push(await placeUntilAnswered(context, { idempotencyKey }));
    const again = await Promise.all(keys.map((idempotencyKey) => placeUntilAnswered(context, { idempotencyKey })));
    check('The same key answers with the same order', {
      holds: again.every(({ orderId }, index) => orderId === placed[index]?.orderId),
      seen: `${new Set([...placed, ...again].map(({ orderId }) => orderId)).size} orders for ${ORDERS} keys used two or three times`,
    });
    await eventually('Every order completes', 30_000, () => haveStatus(subject, placed));
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});
