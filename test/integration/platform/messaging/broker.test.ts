import { getEventListeners } from 'node:events';
import type { ConnectionOptions } from 'nats';
import { describe, expect, it, vi } from 'vitest';
import { type Broker, createBroker, openSession } from '#services/platform/messaging/broker.ts';
import { startTestNats } from '../../../support/nats.ts';
import { startGate, startSwitchboard } from '../support/gate.ts';
import { type RecordedLog, recordLog } from '../support/recorded-log.ts';

const SOON = { timeout: 10_000, interval: 20 };
const never = () => new AbortController().signal;

/** Starts a connection that is closed at the end of the test. */
async function startBroker(url: string): Promise<AsyncDisposable & Broker & RecordedLog> {
  const recorded = recordLog('order');
  const broker = createBroker({ url, service: 'order', log: recorded.log });
  await broker.start();
  return { ...recorded, ...broker, [Symbol.asyncDispose]: broker.stop };
}

const isConnected = (broker: Broker) => () => broker.status().connected;
const messagesOf = ({ lines }: RecordedLog) => lines.map((line) => line.msg);

it('a service does not start with a credentials file that is not there', async () => {
  const { log } = recordLog('order');
  const broker = createBroker({ url: 'nats://127.0.0.1:1', service: 'order', credentialsFile: '/no/such/file', log });

  await expect(broker.start()).rejects.toThrow(/^NATS_CREDS_FILE cannot be read: ENOENT/);
  await broker.stop();
});

describe('the connection', () => {
  it('is made by a start that does not wait for it, with the permissions of the service', async () => {
    await using nats = await startTestNats();
    const before = new Date();
    await using broker = await startBroker(nats.url('order'));
    expect(broker.status().connected).toBe(false);

    const session = await broker.session(never());

    expect(broker.status().connected).toBe(true);
    expect(broker.status().since.getTime()).toBeGreaterThanOrEqual(before.getTime());
    await expect(session!.manager.streams.info('SHOP_ORDER')).resolves.toMatchObject({
      config: { name: 'SHOP_ORDER' },
    });
    await expect(session!.manager.streams.info('SHOP_PAYMENT')).rejects.toThrow();
  });

  it('is made when the broker comes after the service', async () => {
    await using nats = await startTestNats();
    await nats.stop();
    await using broker = await startBroker(nats.url('order'));
    await expect.poll(() => messagesOf(broker)).toEqual(['the broker is unreachable; connecting until it answers']);

    await nats.restart();

    await expect.poll(isConnected(broker), SOON).toBe(true);
    expect(messagesOf(broker).at(-1)).toBe('connected to the broker');
  });

  it('is made again, the session as good as before, when the broker went away and came back', async () => {
    await using nats = await startTestNats();
    await using broker = await startBroker(nats.url('order'));
    const session = await broker.session(never());

    await nats.kill();
    await expect.poll(isConnected(broker), SOON).toBe(false);
    const lost = broker.status().since;
    await nats.restart();
    await expect.poll(isConnected(broker), SOON).toBe(true);

    expect(broker.status().since.getTime()).toBeGreaterThan(lost.getTime());
    expect(await broker.session(never())).toBe(session);
    await expect(session!.jetstream.publish('shop.order.v1.OrderCreated', 'x')).resolves.toMatchObject({ seq: 1 });
  });

  it('is tried for ever with a password that is refused, and its words are in no log', async () => {
    await using nats = await startTestNats();
    const url = new URL(nats.url('order'));
    url.password = 'hunter2';
    await using broker = await startBroker(url.toString());

    await vi.waitFor(() => expect(broker.lines).toHaveLength(1), SOON);
    await expect(broker.session(AbortSignal.timeout(500))).resolves.toBeUndefined();

    expect(broker.status().connected).toBe(false);
    expect(JSON.stringify(broker.lines)).not.toContain('hunter2');
  });

  it('survives passwords that are refused on the way back, and is made when they are right again', async () => {
    await using nats = await startTestNats();
    await using stranger = await startTestNats();
    await using switchboard = await startSwitchboard(nats.port);
    await using broker = await startBroker(switchboard.through(nats.url('order')));
    await expect.poll(isConnected(broker), SOON).toBe(true);

    // Another broker, with other passwords, answers at the same address for a while.
    switchboard.connectTo(stranger.port);
    await expect.poll(isConnected(broker), SOON).toBe(false);
    const calls = switchboard.calls();
    await expect.poll(switchboard.calls, SOON).toBeGreaterThan(calls + 4);
    expect(broker.status().connected).toBe(false);
    switchboard.connectTo(nats.port);

    await expect.poll(isConnected(broker), SOON).toBe(true);
  });

  it('is never given up, however long its broker is away', async () => {
    await using nats = await startTestNats();
    const { connection } = await openSession({ url: nats.url('order'), service: 'order' });
    await using _closed = { [Symbol.asyncDispose]: () => connection.close() };

    // Waiting for more attempts than the client makes by default takes seconds.
    const { options } = connection as unknown as { readonly options: ConnectionOptions };
    expect(options).toMatchObject({ maxReconnectAttempts: -1, ignoreAuthErrorAbort: true });
  });

  it('to an address that asks for TLS is never made in clear', async () => {
    await using nats = await startTestNats();
    await using broker = await startBroker(nats.url('order').replace('nats://', 'tls://'));

    await vi.waitFor(() => expect(broker.lines).toHaveLength(1), SOON);

    expect(broker.status().connected).toBe(false);
  });
});

describe('waiting for a session', () => {
  it('ends without one when its signal aborts', async () => {
    await using nats = await startTestNats();
    await nats.stop();
    await using broker = await startBroker(nats.url('order'));
    const waiting = new AbortController();
    const session = broker.session(waiting.signal);

    waiting.abort();

    await expect(session).resolves.toBeUndefined();
    await expect(broker.session(AbortSignal.abort())).resolves.toBeUndefined();
  });

  it('leaves nothing on its signal, however often it is done', async () => {
    await using nats = await startTestNats();
    await using broker = await startBroker(nats.url('order'));
    const { signal } = new AbortController();

    for (let time = 0; time < 100; time += 1) await broker.session(signal);

    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('a stop', () => {
  it('closes the connection, without a word of alarm', async () => {
    await using nats = await startTestNats();
    await using broker = await startBroker(nats.url('order'));
    const session = await broker.session(never());

    await broker.stop();

    expect(session?.connection.isClosed()).toBe(true);
    expect(broker.status().connected).toBe(false);
    expect(messagesOf(broker)).toEqual(['connected to the broker']);
  });

  it('while it connects, or waits to try again, is over soon', async () => {
    await using nats = await startTestNats();
    await using gate = await startGate(nats.url('order'));
    gate.silence();
    await using silent = await startBroker(gate.url);
    await using away = await startBroker('nats://127.0.0.1:1');
    await vi.waitFor(() => expect(away.lines).toHaveLength(1), SOON);
    const begin = performance.now();

    await Promise.all([silent.stop(), away.stop()]);

    expect(performance.now() - begin).toBeLessThan(10_000);
    await expect(away.session(never())).resolves.toBeUndefined();
  });
});
