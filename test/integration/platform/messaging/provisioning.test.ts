import { describe, expect, it } from 'vitest';
import { startTestNats } from '../../../support/nats.ts';
import { runProvisioning } from '../../local/programs.ts';
import { openAdmin } from './admin.ts';

const STREAMS = ['SHOP_INVENTORY', 'SHOP_NOTIFICATION', 'SHOP_ORDER', 'SHOP_PAYMENT'];

describe('the provisioning step', () => {
  it('creates every stream with its limits, and every consumer', async () => {
    await using nats = await startTestNats({ isProvisioned: false });

    const { code, output } = await runProvisioning({
      PROVISION_NATS_URL: nats.provisionerUrl,
      STREAM_MAX_MB: '7',
      STREAM_MAX_MESSAGE_KB: '3',
    });

    expect([code, output]).toEqual([0, 'the streams and consumers are provisioned\n']);
    await using admin = await openAdmin(nats);
    const streams = [];
    for await (const { config } of admin.manager.streams.list()) streams.push(config);
    expect(streams.map(({ name }) => name).toSorted()).toEqual(STREAMS);
    for (const config of streams) expect(config).toMatchObject({ max_bytes: 7 * 1024 ** 2, max_msg_size: 3 * 1024 });
    const consumers = [];
    for await (const { name } of admin.manager.consumers.list('SHOP_ORDER')) consumers.push(name);
    expect(consumers.toSorted()).toEqual(['analytics', 'inventory', 'notification']);
  });

  it('corrects a stream that was changed, and keeps its events and the progress of its consumers', async () => {
    await using nats = await startTestNats();
    await using admin = await openAdmin(nats);
    await admin.jetstream.publish('shop.order.v1.Made', 'payload');
    const message = await (await admin.jetstream.consumers.get('SHOP_ORDER', 'inventory')).next();
    await message?.ackAck();
    const { config } = await admin.manager.streams.info('SHOP_ORDER');
    await admin.manager.streams.update('SHOP_ORDER', {
      ...config,
      subjects: ['shop.order.v1.>', '_INBOX_payment.>'],
      max_bytes: -1,
      max_msg_size: -1,
    });

    await nats.provision();

    const { config: corrected, state } = await admin.manager.streams.info('SHOP_ORDER');
    expect(corrected).toEqual(config);
    expect(state.messages).toBe(1);
    expect(await admin.manager.consumers.info('SHOP_ORDER', 'inventory')).toMatchObject({
      ack_floor: { stream_seq: 1 },
    });
  });

  it('fails with one line, without the password, when the broker refuses', async () => {
    await using nats = await startTestNats();
    const url = nats.url('order');

    const { code, output } = await runProvisioning({ PROVISION_NATS_URL: url });

    expect(code).toBe(1);
    expect(output).toMatch(/^the streams and consumers are not provisioned: .+\n$/);
    expect(output).not.toContain(new URL(url).password);
  });

  it.each<[string, (url: string) => Record<string, string>, string]>([
    ['more replicas than servers', (url) => ({ PROVISION_NATS_URL: url, NATS_REPLICAS: '3' }), 'NATS_REPLICAS is 3'],
    [
      'no credentials file at the path',
      (url) => ({ PROVISION_NATS_URL: url, PROVISION_NATS_CREDS_FILE: '/no/such/file' }),
      'PROVISION_NATS_CREDS_FILE cannot be read',
    ],
    [
      'tls:// for a server without TLS',
      (url) => ({ PROVISION_NATS_URL: url.replace('nats:', 'tls:') }),
      'TLS with the servers of PROVISION_NATS_URL fails',
    ],
    [
      'a wrong password',
      (url) => ({ PROVISION_NATS_URL: url.replace(/:[^:@]+@/, ':wrong@') }),
      'the broker refuses the user of PROVISION_NATS_URL',
    ],
    [
      'no server at the address',
      () => ({ PROVISION_NATS_URL: 'nats://127.0.0.1:1' }),
      'no server of PROVISION_NATS_URL answers, of 127.0.0.1:1',
    ],
  ])('with %s, fails with one line that names the setting', async (_, settingsFor, line) => {
    await using nats = await startTestNats({ isProvisioned: false });

    const { code, output } = await runProvisioning(settingsFor(nats.provisionerUrl));

    expect([code, output]).toEqual([1, expect.stringMatching(/^the streams and consumers are not provisioned: .+\n$/)]);
    expect(output).toContain(line);
  });

  it('refuses an event that is larger than its stream allows', async () => {
    await using nats = await startTestNats();
    await using admin = await openAdmin(nats);

    const published = admin.jetstream.publish('shop.order.v1.Made', 'x'.repeat(300_000));

    await expect(published).rejects.toThrow('message size exceeds maximum allowed');
  });
});
