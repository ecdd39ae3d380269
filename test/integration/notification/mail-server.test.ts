// Mail servers that offer less than they should, or close the connection.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { OrderConfirmedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { publishEvent } from '../../support/events.ts';
import {
  type NotificationFixture,
  orderConfirmed,
  startNotificationFixture,
} from '../../support/services/notification.ts';

async function readAttempts(fixture: NotificationFixture): Promise<{ attempts: number; error: string } | undefined> {
  const { rows } = (await fixture.query('select attempts, error from notification')) as {
    rows: { attempts: number; error: string }[];
  };
  return rows[0];
}

/** A mail server that closes every connection before its greeting. */
async function startClosingServer() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => socket.destroy());
    socket.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    smtpUrl: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

it('a mail is never sent in clear where STARTTLS is required and the server does not offer it', async () => {
  await using fixture = await startNotificationFixture({ settings: { SMTP_STARTTLS: 'required' } });

  await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('order-1'));

  await expect.poll(async () => (await readAttempts(fixture))?.error).toMatch(/STARTTLS/i);
  expect(await fixture.mails()).toEqual([]);
});

it('a connection that is closed before the greeting is opened again by a new attempt only', async () => {
  await using server = await startClosingServer();
  await using fixture = await startNotificationFixture({ smtpUrl: server.smtpUrl });

  await publishEvent(fixture.nats, OrderConfirmedSchema, orderConfirmed('order-1'));

  await expect.poll(server.connections).toBeGreaterThanOrEqual(2);
  const connections = server.connections();
  expect((await readAttempts(fixture))?.attempts).toBeGreaterThanOrEqual(connections);
});
