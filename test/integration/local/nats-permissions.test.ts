// What each service may do at the broker and what it may not: tried by its own user, on the nats-server that the platform runs with and
// on a current one.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { headers } from 'nats';
import { describe, expect, it } from 'vitest';
import { inboxPrefix, natsUsers, PROVISIONER_USER } from '#local/nats/nats-permissions.ts';
import { API_PREFIX } from '#local/nats/nats-server.ts';
import { services } from '#local/shared/topology.ts';
import { expectRefused, expectSubscriptionRefused, startBroker } from './broker-users.ts';

const CURRENT = fileURLToPath(new URL('../../../.tools/nats-current/nats-server', import.meta.url));
const PUBLISHING = [
  'shop.order.v1.Made',
  'shop.inventory.v1.Made',
  'shop.payment.v1.Made',
  'shop.notification.v1.Made',
];
const STREAMS = ['SHOP_ORDER', 'SHOP_INVENTORY', 'SHOP_PAYMENT', 'SHOP_NOTIFICATION'];
const users = natsUsers((name) => name);

/** What a service's user may publish to, by its permissions; wildcards are filled in. */
const allowedSubjects = (service: string) =>
  (users.find(({ name }) => name === service)?.permissions?.publish ?? []).map((subject) =>
    subject.startsWith('$JS.ACK') ? subject.replace('>', '1.1.1.1.0') : subject.replace('>', 'Made'),
  );

describe.each([
  ['the installed nats-server', undefined],
  ['a current nats-server', CURRENT],
])('at %s', (_name, program) => {
  const isMissing = program !== undefined && !existsSync(program);
  const start = (skip: (reason: string) => void) => {
    if (isMissing) skip('it is not installed: make nats-current');
    return startBroker(program);
  };

  it('a service publishes its own events, and reads and acknowledges what it consumes', async ({ skip }) => {
    await using broker = await start(skip);
    for (const { name, stream } of services) {
      if (stream === undefined) continue;
      const { jetstream, manager } = broker.as(name);
      await jetstream.publish(stream.subject.replace('>', 'Made'), 'payload', { msgID: '1' });
      expect((await manager.streams.info(stream.name)).state.messages).toBe(1);
    }

    for (const { name, consumes } of services) {
      for (const stream of consumes) {
        const consumer = await broker.as(name).jetstream.consumers.get(stream, name);
        const messages = await consumer.consume({ max_messages: 1 });
        for await (const message of messages) {
          expect(message.subject).toMatch(/^shop\.\w+\.v1\.Made$/);
          expect(await message.ackAck()).toBe(true);
          break;
        }
        expect(await consumer.info()).toMatchObject({ num_pending: 0, num_ack_pending: 0 });
      }
    }
    expect(broker.violations).toEqual([]);
  });

  it('analytics reads single messages of every stream, to apply them again', async ({ skip }) => {
    await using broker = await start(skip);
    await broker.as('order').jetstream.publish('shop.order.v1.Made', 'payload');

    const { manager } = broker.as('analytics');

    expect((await manager.streams.getMessage('SHOP_ORDER', { seq: 1 })).string()).toBe('payload');
    expect((await manager.streams.info('SHOP_ORDER')).state.last_seq).toBe(1);
  });

  it('an answer reaches no stream, no consumer and no inbox of another, whatever its reply subject', async ({
    skip,
  }) => {
    await using broker = await start(skip);
    for (const subject of PUBLISHING) await broker.admin.jetstream.publish(subject, '{"batch":1,"no_wait":true}');
    for (const { name, consumes } of services) {
      // Each consumer has delivered an event that is not acknowledged yet.
      for (const stream of consumes) await (await broker.as(name).jetstream.consumers.get(stream, name)).next();
    }
    const overheard: string[] = [];
    for (const { name } of services) {
      void (async () => {
        for await (const { subject } of broker.as(name).connection.subscribe(`${inboxPrefix(name)}.>`)) {
          if (subject.includes('target')) overheard.push(`${name}: ${subject}`);
        }
      })();
      await broker.as(name).connection.flush();
    }

    for (const { name } of services) {
      const others = services.filter((other) => other.name !== name);
      const before = await broker.readState(name);
      const replies = [
        ...PUBLISHING.filter((subject) => !subject.includes(name)),
        ...others.map((other) => `${inboxPrefix(other.name)}.target`),
        ...['DELETE', 'PURGE', 'UPDATE'].map((verb) => `$JS.API.STREAM.${verb}.SHOP_ORDER`),
        `${API_PREFIX}.STREAM.DELETE.SHOP_ORDER`,
        '$JS.API.CONSUMER.DELETE.SHOP_ORDER.notification',
        '$JS.ACK.SHOP_ORDER.notification.1.1.1.1.0',
        '$SYS.REQ.SERVER.PING',
        '_R_.target',
      ].filter((reply) => !reply.startsWith('$JS.ACK.SHOP_ORDER.') || name !== 'notification');
      for (const subject of allowedSubjects(name)) {
        for (const reply of replies) {
          for (const payload of ['', '{"batch":1,"no_wait":true}', '{"seq":1}', '+NXT 1', '+ACK', '-NAK']) {
            broker.as(name).connection.publish(subject, payload, { reply });
          }
        }
      }
      await broker.as(name).connection.flush();
      await broker.admin.connection.flush();

      expect(await broker.readState(name), name).toEqual(before);
    }
    for (const { name } of services) await broker.as(name).connection.flush();
    expect(overheard).toEqual([]);
  });

  it('a trace of a message is written into no stream', async ({ skip }) => {
    await using broker = await start(skip);
    const before = await broker.readState('payment');
    const traced = headers();
    traced.set('Nats-Trace-Dest', 'shop.order.v1.OrderConfirmed');

    broker.as('payment').connection.publish('shop.payment.v1.Made', 'payload', { headers: traced });
    await broker.as('payment').connection.flush();
    await broker.admin.connection.flush();

    expect(await broker.readState('payment')).toEqual(before);
  });

  it('a service can neither change nor read a stream past its consumer, its own included', async ({ skip }) => {
    await using broker = await start(skip);
    await broker.admin.jetstream.publish('shop.order.v1.Made', 'payload');
    const before = await broker.readState();

    for (const { name } of services) {
      const verbs = ['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'SNAPSHOT', 'RESTORE', 'MSG.DELETE', 'LEADER.STEPDOWN'];
      const onStreams = verbs.flatMap((verb) => [...STREAMS, 'ANOTHER'].map((stream) => `STREAM.${verb}.${stream}`));
      const requests = [
        ...onStreams,
        'INFO',
        'STREAM.LIST',
        'STREAM.NAMES',
        'DIRECT.GET.SHOP_ORDER',
        'ACCOUNT.PURGE.EVENTS',
      ];
      if (name !== 'analytics') requests.push('STREAM.MSG.GET.SHOP_ORDER');
      for (const request of requests) {
        await expectRefused(broker.as(name).connection, `$JS.API.${request}`);
        await expectRefused(broker.as(name).connection, `${API_PREFIX}.${request}`);
      }
      for (const subject of PUBLISHING.filter((published) => !published.includes(`.${name}.`))) {
        await expectRefused(broker.as(name).connection, subject);
      }
    }
    expect(await broker.readState()).toEqual(before);
  });

  it('a service can neither make, delete, read nor acknowledge a consumer other than its own', async ({ skip }) => {
    await using broker = await start(skip);
    await broker.admin.jetstream.publish('shop.order.v1.Made', 'payload');
    const before = await broker.readState();

    for (const { name } of services) {
      const requests = [
        ...['CREATE', 'DURABLE.CREATE', 'DELETE'].map((verb) => `CONSUMER.${verb}.SHOP_ORDER.${name}`),
        `CONSUMER.CREATE.SHOP_ORDER.${name}.shop.order.v1.>`,
        'CONSUMER.CREATE.SHOP_ORDER',
        'CONSUMER.NAMES.SHOP_ORDER',
        'CONSUMER.LIST.SHOP_ORDER',
        ...services
          .filter((other) => other.name !== name)
          .flatMap((other) => ['INFO', 'MSG.NEXT'].map((verb) => `CONSUMER.${verb}.SHOP_ORDER.${other.name}`)),
      ];
      const acknowledgements = services
        .filter((other) => other.name !== name)
        .map((other) => `$JS.ACK.SHOP_ORDER.${other.name}.1.1.1.1.0`);
      for (const subject of [
        ...requests.flatMap((request) => [`$JS.API.${request}`, `${API_PREFIX}.${request}`]),
        ...acknowledgements,
      ]) {
        await expectRefused(broker.as(name).connection, subject);
      }
    }
    expect(await broker.readState()).toEqual(before);
  });

  it("a service can subscribe neither to events nor to another's replies nor to the server's own subjects", async ({
    skip,
  }) => {
    await using broker = await start(skip);

    for (const { name } of services) {
      const others = services.filter((other) => other.name !== name).map((other) => `${inboxPrefix(other.name)}.>`);
      for (const subject of [...PUBLISHING, ...others, 'shop.>', '>', '_INBOX.>', '$JS.>', '$SYS.>', '_R_.>']) {
        await expectSubscriptionRefused(broker.as(name).connection, subject);
      }
    }
  });

  it('the provisioner can neither publish, read nor delete what the streams hold', async ({ skip }) => {
    await using broker = await start(skip);

    for (const subject of [
      ...PUBLISHING,
      ...['DELETE', 'PURGE', 'MSG.GET', 'MSG.DELETE', 'SNAPSHOT'].map((verb) => `$JS.API.STREAM.${verb}.SHOP_ORDER`),
      '$JS.API.STREAM.CREATE.ANOTHER',
      '$JS.API.CONSUMER.MSG.NEXT.SHOP_ORDER.notification',
      '$JS.API.CONSUMER.DELETE.SHOP_ORDER.notification',
      '$JS.API.CONSUMER.CREATE.SHOP_ORDER.another.shop.order.v1.>',
      '$JS.ACK.SHOP_ORDER.notification.1.1.1.1.0',
    ]) {
      await expectRefused(broker.as(PROVISIONER_USER).connection, subject);
    }
    for (const subject of ['shop.>', '>', `${inboxPrefix('order')}.>`]) {
      await expectSubscriptionRefused(broker.as(PROVISIONER_USER).connection, subject);
    }
  });
});
