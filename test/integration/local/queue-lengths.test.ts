// How many events wait for each consumer, as the control port reads it from a real broker.
import { randomUUID } from 'node:crypto';
import { connect } from 'nats';
import { expect, it } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { createQueueLengths } from '#local/control/queue-lengths.ts';
import { publishEvent } from '../../support/events.ts';
import { startTestNats, type TestNats } from '../../support/nats.ts';

/** Has an event delivered to a consumer, which does not acknowledge it. */
async function takeEvent(nats: TestNats, stream: string, consumer: string): Promise<void> {
  const { host, username, password } = new URL(nats.adminUrl);
  const connection = await connect({ servers: host, user: username, pass: decodeURIComponent(password) });
  const taken = await (await connection.jetstream().consumers.get(stream, consumer)).next();
  await connection.close();
  expect(taken?.seq).toBe(1);
}

it('counts the events that no consumer has applied, of each stream, and again over a new connection once the broker was away', async () => {
  await using nats = await startTestNats();
  let url = nats.adminUrl;
  await using queues = createQueueLengths(async () => ({ url, authority: undefined }));
  const waiting = async () =>
    Object.fromEntries((await queues.read()).map(({ process, stream, waiting: of }) => [`${process} ${stream}`, of]));

  expect(new Set(Object.values(await waiting()))).toEqual(new Set([0]));
  for (let events = 0; events < 3; events += 1) await publishEvent(nats, OrderCreatedSchema, { orderId: randomUUID() });

  expect(await waiting()).toMatchObject({
    ...{ 'inventory SHOP_ORDER': 3, 'analytics SHOP_ORDER': 3, 'order SHOP_PAYMENT': 0 },
  });
  await takeEvent(nats, 'SHOP_ORDER', 'inventory');
  expect(await waiting()).toMatchObject({ 'inventory SHOP_ORDER': 3 });
  await queues[Symbol.asyncDispose]();
  url = 'nats://admin:secret@127.0.0.1:1';
  const failure = await queues.read().catch((error: unknown) => error);
  expect(failure).toMatchObject({ kind: 'unavailable', reason: 'BROKER_UNREADABLE' });
  expect(String(failure)).not.toContain('secret');
  url = nats.adminUrl;
  expect(await waiting()).toMatchObject({ 'inventory SHOP_ORDER': 3 });
});
