import { AckPolicy, connect, type NatsConnection, nanos, RetentionPolicy, StorageType } from 'nats';
import { expect, it } from 'vitest';
import { inboxPrefix } from '#local/nats/nats-permissions.ts';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { startTestNats } from '../../support/nats.ts';

const producers = services.flatMap(({ name, stream }) => (stream === undefined ? [] : [{ name, stream }]));

it('lets every service keep its own stream, publish to it, and read what it consumes', async () => {
  await using broker = await startBroker();
  for (const { name, stream } of producers) {
    const manager = await broker.as(name).jetstreamManager();
    const { config } = await manager.streams.info(stream.name);
    await manager.streams.update(stream.name, { ...config, max_age: nanos(600_000) });
    await broker
      .as(name)
      .jetstream()
      .publish(stream.subject.replace('>', 'SomethingHappened'), 'payload', { msgID: '1' });
  }

  for (const { name, consumes } of services) {
    const jetstream = broker.as(name).jetstream();
    const manager = await broker.as(name).jetstreamManager();
    for (const stream of consumes) {
      expect((await manager.streams.info(stream)).state.messages).toBe(1);
      await manager.consumers.add(stream, { durable_name: name, ack_policy: AckPolicy.Explicit });
      const consumer = await jetstream.consumers.get(stream, name);
      const messages = await consumer.consume({ max_messages: 1 });
      for await (const message of messages) {
        expect(await message.ackAck()).toBe(true);
        break;
      }
      expect(await consumer.info()).toMatchObject({ num_pending: 0, num_ack_pending: 0 });
    }
  }
  expect(broker.violations).toEqual([]);
});

it('lets a service give its consumer a filter subject', async () => {
  await using broker = await startBroker();
  const manager = await broker.as('notification').jetstreamManager();

  const consumer = await manager.consumers.add('SHOP_ORDER', {
    durable_name: 'notification',
    ack_policy: AckPolicy.Explicit,
    filter_subject: 'shop.order.v1.OrderConfirmed',
  });

  expect(consumer.config.filter_subject).toBe('shop.order.v1.OrderConfirmed');
});

it("refuses every service what belongs to another's stream, and leaves that stream as it was", async () => {
  await using broker = await startBroker();
  const [victim] = producers.filter(({ name }) => name === 'inventory');
  const stream = victim!.stream.name;
  await broker.as('inventory').jetstream().publish('shop.inventory.v1.StockReserved', 'payload');

  for (const { name } of services.filter((service) => service.name !== 'inventory')) {
    for (const subject of [
      'shop.inventory.v1.StockReserved',
      `$JS.API.STREAM.CREATE.${stream}`,
      `$JS.API.STREAM.UPDATE.${stream}`,
      `$JS.API.STREAM.DELETE.${stream}`,
      `$JS.API.STREAM.PURGE.${stream}`,
      `$JS.API.STREAM.MSG.GET.${stream}`,
      `$JS.API.STREAM.MSG.DELETE.${stream}`,
      `$JS.API.DIRECT.GET.${stream}`,
    ]) {
      await expectRefused(broker.as(name), subject);
    }
  }
  const manager = await broker.admin.jetstreamManager();
  expect((await manager.streams.info(stream)).state).toMatchObject({ messages: 1, first_seq: 1, last_seq: 1 });
});

it("refuses a service its own stream's deletion, and streams that are not in the topology", async () => {
  await using broker = await startBroker();

  for (const { name, stream } of producers) {
    await expectRefused(broker.as(name), `$JS.API.STREAM.DELETE.${stream.name}`);
    await expectRefused(broker.as(name), `$JS.API.STREAM.PURGE.${stream.name}`);
    await expectRefused(broker.as(name), '$JS.API.STREAM.CREATE.ANOTHER');
  }
});

it("refuses a service another's consumer, one under another name, and one on a stream it does not consume", async () => {
  await using broker = await startBroker();
  const manager = await broker.as('notification').jetstreamManager();
  await manager.consumers.add('SHOP_ORDER', { durable_name: 'notification', ack_policy: AckPolicy.Explicit });
  await broker.as('order').jetstream().publish('shop.order.v1.OrderCreated', 'payload');

  for (const subject of [
    '$JS.API.CONSUMER.MSG.NEXT.SHOP_ORDER.notification',
    '$JS.API.CONSUMER.INFO.SHOP_ORDER.notification',
    '$JS.API.CONSUMER.CREATE.SHOP_ORDER.notification',
    '$JS.API.CONSUMER.DELETE.SHOP_ORDER.notification',
    '$JS.API.CONSUMER.DELETE.SHOP_ORDER.inventory',
    '$JS.API.CONSUMER.CREATE.SHOP_ORDER',
    '$JS.API.CONSUMER.CREATE.SHOP_ORDER.inventory2',
    '$JS.API.CONSUMER.DURABLE.CREATE.SHOP_ORDER.inventory2',
    '$JS.API.CONSUMER.CREATE.SHOP_PAYMENT.inventory',
    '$JS.API.CONSUMER.DURABLE.CREATE.SHOP_PAYMENT.inventory',
    '$JS.API.CONSUMER.MSG.NEXT.SHOP_PAYMENT.inventory',
    '$JS.ACK.SHOP_ORDER.notification.1.1.1.1.0',
  ]) {
    await expectRefused(broker.as('inventory'), subject);
  }
  const admin = await broker.admin.jetstreamManager();
  expect(await admin.consumers.info('SHOP_ORDER', 'notification')).toMatchObject({
    num_pending: 1,
    num_ack_pending: 0,
  });
});

it("refuses a service subscriptions to events and to another's replies", async () => {
  await using broker = await startBroker();

  for (const subject of [
    'shop.order.v1.OrderCreated',
    'shop.>',
    '>',
    `${inboxPrefix('order')}.>`,
    '_INBOX.>',
    '$JS.>',
  ]) {
    await expectSubscriptionRefused(broker.as('payment'), subject);
  }
});

type Broker = AsyncDisposable & {
  readonly admin: NatsConnection;
  /** Where the server told a service's connection that something was not allowed. */
  readonly violations: string[];
  as(service: ServiceName): NatsConnection;
};

/** A broker to which all services are connected, with the streams made by their producers. */
async function startBroker(): Promise<Broker> {
  const resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const open = async (url: string, prefix: string) => {
    const { host, username, password } = new URL(url);
    const connection = await connect({
      servers: host,
      user: username,
      pass: password,
      inboxPrefix: prefix,
      timeout: 2_000,
    });
    resources.defer(() => connection.close());
    return connection;
  };
  const admin = await open(nats.adminUrl, '_INBOX');
  const violations: string[] = [];
  const connections = new Map<ServiceName, NatsConnection>();
  for (const { name } of services) {
    const connection = await open(nats.url(name), inboxPrefix(name));
    connections.set(name, connection);
    void recordViolations(connection, violations);
  }
  for (const { name, stream } of producers) await createStream(connections.get(name)!, stream);
  return {
    admin,
    violations,
    as: (service) => connections.get(service)!,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function recordViolations(connection: NatsConnection, violations: string[]): Promise<void> {
  for await (const { type, data } of connection.status()) {
    if (type === 'error') violations.push(`${data}`);
  }
}

async function createStream(
  connection: NatsConnection,
  { name, subject }: { name: string; subject: string },
): Promise<void> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({
    name,
    subjects: [subject],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
  });
}

async function expectRefused(connection: NatsConnection, subject: string): Promise<void> {
  const answered = connection.request(subject, '{}', { timeout: 1_000 });
  await expect(answered, subject).rejects.toMatchObject({ code: 'PERMISSIONS_VIOLATION' });
}

async function expectSubscriptionRefused(connection: NatsConnection, subject: string): Promise<void> {
  const subscription = connection.subscribe(subject);
  await expect(subscription[Symbol.asyncIterator]().next(), subject).rejects.toMatchObject({
    code: 'PERMISSIONS_VIOLATION',
  });
}
