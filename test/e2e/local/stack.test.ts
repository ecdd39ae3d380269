import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { type Stack, type StackOptions, startStack } from '#local/stack/stack.ts';
import { isAlive, isListening } from '../../integration/local/processes.ts';
import { createFakeServices, everythingElsewhere, type FakeServices } from './fake-services.ts';

function start(fakes: FakeServices, options: StackOptions = {}): Promise<Stack> {
  return startStack({
    servicesDir: fakes.servicesDir,
    dataDir: fakes.dataDir,
    ports: 'free',
    environment: everythingElsewhere,
    ...options,
  });
}

function portOf(stack: Stack, service: 'order' | 'payment'): number {
  return Number(new URL(stack.url(service)).port);
}

async function queryOrder(stack: Stack, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: stack.ownerDatabaseUrl('order') });
  try {
    await client.connect();
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

describe('a stack of fake services', () => {
  it('starts the services that exist, each with its own environment, and lists the external ones without passwords', async () => {
    await using fakes = await createFakeServices('order', 'payment');
    await using stack = await start(fakes, { serviceEnvironment: { order: { EXTRA: 'for order' } } });

    const rows = stack.rows();
    expect(rows.map(({ name, health }) => [name, health])).toEqual([
      ['postgres', 'external'],
      ['nats', 'external'],
      ['provider', 'external'],
      ['mailbox', 'external'],
      ['payment', 'healthy'],
      ['order', 'healthy'],
    ]);
    expect(rows[1]?.address).toBe('nats.example:4222');
    expect(JSON.stringify(rows)).not.toContain('hidden');
    const order = await (await fetch(stack.url('order'))).json();
    expect(order).toMatchObject({
      EXTRA: 'for order',
      PAYMENT_URL: stack.url('payment'),
      ORDER_DATABASE_URL: everythingElsewhere.ORDER_DATABASE_URL,
    });
    const payment = await (await fetch(stack.url('payment'))).json();
    expect(payment).not.toHaveProperty('EXTRA');
    expect(payment).not.toHaveProperty('ORDER_DATABASE_URL');
  });

  it('restarts a killed service at the same address, and reports it', async () => {
    await using fakes = await createFakeServices('order');
    const lines: string[] = [];
    await using stack = await start(fakes, { log: (part, line) => void lines.push(`${part}: ${line}`) });
    const [url, pid] = [stack.url('order'), stack.pid('order')];

    await stack.kill('order', 'SIGKILL');
    await stack.waitUntilHealthy('order');

    expect((await fetch(url)).ok).toBe(true);
    expect(stack.pid('order')).not.toBe(pid);
    expect(stack.restarts('order')).toBe(1);
    expect(lines).toContain('stack: order was killed by SIGKILL, next start in 250 ms');
    expect(lines.some((line) => line.startsWith(`stack: order is back, pid ${stack.pid('order')}`))).toBe(true);
  });

  it('leaves a stopped service down until it is started', async () => {
    await using fakes = await createFakeServices('order', 'payment');
    await using stack = await start(fakes);
    const port = portOf(stack, 'order');

    await stack.stop('order');
    expect(await isListening(port)).toBe(false);
    expect(stack.rows().find(({ name }) => name === 'order')).toMatchObject({ health: 'stopped', restarts: 0 });

    await stack.start('order');
    expect(await isListening(port)).toBe(true);
  });

  it('kills a service that does not stop within the grace period', async () => {
    await using fakes = await createFakeServices('order');
    await using stack = await start(fakes, { serviceEnvironment: { order: { FAKE_DEAF: 'yes' } } });
    const pid = stack.pid('order')!;

    await stack.stop('order', 100);

    expect(isAlive(pid)).toBe(false);
  });

  it('fails to start, naming the service and how it ended, and leaves nothing behind', async () => {
    await using fakes = await createFakeServices('order', 'payment');
    const lines: string[] = [];
    const failing = start(fakes, {
      serviceEnvironment: { payment: { FAKE_EXIT_CODE: '78' }, order: { FAKE_LAST_WORDS: fakes.lastWords } },
      healthDeadlineMs: 2_000,
      log: (part, line) => void lines.push(`${part}: ${line}`),
    });

    await expect(failing).rejects.toThrow('payment is not healthy after 2000 ms; it ended with code 78');

    expect(lines).toContain('payment: payment cannot start');
    expect(await readFile(fakes.lastWords, 'utf8')).toBe('order\n');
    await using again = await start(fakes);
    expect(again.services).toEqual(['payment', 'order']);
  });

  it('can be cancelled while it starts', async () => {
    await using fakes = await createFakeServices('order');
    const cancel = new AbortController();
    const starting = start(fakes, { serviceEnvironment: { order: { FAKE_EXIT_CODE: '1' } }, signal: cancel.signal });

    cancel.abort(new Error('cancelled'));

    await expect(starting).rejects.toThrow('cancelled');
  });

  it('rejects a data directory that another stack uses', async () => {
    await using fakes = await createFakeServices('order');
    await using stack = await start(fakes);

    await expect(start(fakes)).rejects.toThrow(`${fakes.dataDir} is in use by the stack with pid ${process.pid}`);

    await stack.close();
    await using next = await start(fakes);
    expect(next.services).toEqual(['order']);
  });

  it('names every taken port, its setting and its holder before it starts a process', async () => {
    await using fakes = await createFakeServices('order', 'payment');
    const holder = createServer();
    await using closing = {
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => holder.close(() => resolve())),
    };
    void closing;
    holder.listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const lines: string[] = [];

    const failing = start(fakes, {
      ports: 'defaults',
      environment: { ...everythingElsewhere, ORDER_PORT: String(port), PAYMENT_PORT: '0' },
      log: (part, line) => void lines.push(`${part}: ${line}`),
    });

    await expect(failing).rejects.toThrow(
      `port ${port} (ORDER_PORT, order) is already in use by pid ${process.pid} (node); stop that process, or set ORDER_PORT to another port`,
    );
    expect(lines).toEqual([]);
  });
});

describe('a stack with its own Postgres, broker, provider and mailbox', () => {
  it("gives a service's role the connections of two replicas, and its tables to another role", async () => {
    await using fakes = await createFakeServices('order');
    await using stack = await start(fakes, { environment: { DATABASE_CONNECTIONS: '9' } });

    const roles = await queryOrder(
      stack,
      `SELECT rolname AS role, rolconnlimit AS limit, rolname = pg_get_userbyid(datdba) AS owns
       FROM pg_roles, pg_database WHERE rolname LIKE 'shop_order%' AND datname = 'shop_order' ORDER BY rolname`,
    );

    expect(roles).toEqual([
      { role: 'shop_order', limit: 18, owns: false },
      { role: 'shop_order_owner', limit: 4, owns: true },
    ]);
  });

  it('keeps them alive, and keeps its data across a restart', async () => {
    await using fakes = await createFakeServices('order');
    const environment = { environment: {} };
    {
      await using today = await start(fakes, environment);
      expect(today.rows().map(({ name, health }) => [name, health])).toEqual([
        ['postgres', 'healthy'],
        ['nats', 'healthy'],
        ['provider', 'healthy'],
        ['mailbox', 'healthy'],
        ['order', 'healthy'],
      ]);
      await queryOrder(today, 'CREATE TABLE kept (id int)');
      await queryOrder(today, 'INSERT INTO kept VALUES (42)');

      for (const part of ['postgres', 'nats', 'provider', 'mailbox'] as const) {
        await today.kill(part, 'SIGKILL');
        await today.waitUntilHealthy(part);
        expect(today.restarts(part)).toBe(1);
      }
      expect(await queryOrder(today, 'SELECT id FROM kept')).toEqual([{ id: 42 }]);
      expect((await fetch(`${today.url('mailbox')}/messages`)).ok).toBe(true);
      expect((await fetch(`${today.url('provider')}/healthz`)).ok).toBe(true);
    }

    await using tomorrow = await start(fakes, environment);
    expect(await queryOrder(tomorrow, 'SELECT id FROM kept')).toEqual([{ id: 42 }]);
  });
});
