import { describe, expect, it } from 'vitest';
import { type ServiceName, services } from '#local/shared/topology.ts';
import { environmentOf, type StackPlan } from '#local/stack/stack-plan.ts';
import { loadStackSettings } from '#local/stack/stack-settings.ts';

function planFor(
  environment: Record<string, string>,
  serviceEnvironment: StackPlan['serviceEnvironment'] = {},
): StackPlan {
  const settings = loadStackSettings(environment);
  return {
    settings,
    environment,
    serviceEnvironment,
    dataDir: '/data',
    programsDir: '/programs',
    servicesDir: '/services',
    services: ['inventory', 'payment', 'notification', 'order'],
    infrastructure: ['postgres', 'nats', 'provider', 'mailbox'],
    durable: true,
    passwords: (name) => `secret of ${name}`,
    port: (variable) => settings.ports[variable]!,
  };
}

describe('the connections of the services', () => {
  it('fit into a Postgres with its own defaults, one replica of each, and twice into the local one', () => {
    const all = services.length * loadStackSettings({}).databaseConnections;

    expect(all).toBeLessThanOrEqual(100 - 3 - services.length); // Three are for superusers, and each owner has one to migrate.
    expect(2 * all).toBeLessThanOrEqual(200 - 3 - services.length);
  });
});

describe('the environment of a service', () => {
  it('holds the role that owns an external database when it is given', () => {
    const owner = 'postgres://owner:hidden@db.example/pay';
    const plan = planFor({
      PAYMENT_DATABASE_URL: 'postgres://pay:hidden@db.example/pay',
      PAYMENT_MIGRATION_DATABASE_URL: owner,
    });

    expect(environmentOf(plan, 'payment').PAYMENT_MIGRATION_DATABASE_URL).toBe(owner);
    expect(environmentOf(plan, 'order')).not.toHaveProperty('PAYMENT_MIGRATION_DATABASE_URL');
  });

  it('holds its own secrets and no others', () => {
    const plan = planFor({ PAYMENT_DATABASE_URL: 'postgres://pay:hidden@db.example/pay' });

    const order = environmentOf(plan, 'order');
    const payment = environmentOf(plan, 'payment');
    const notification = environmentOf(plan, 'notification');

    expect(new URL(order.ORDER_DATABASE_URL!)).toMatchObject({ username: 'shop_order', host: '127.0.0.1:54329' });
    expect(new URL(order.ORDER_MIGRATION_DATABASE_URL!)).toMatchObject({ username: 'shop_order_owner' });
    expect(new URL(order.NATS_URL!)).toMatchObject({ username: 'order', host: '127.0.0.1:42229' });
    expect(payment.PAYMENT_DATABASE_URL).toBe('postgres://pay:hidden@db.example/pay');
    expect(payment.PAYMENT_PROVIDER_URL).toBe('http://127.0.0.1:50060');
    expect(notification.SMTP_URL).toBe('smtp://127.0.0.1:1025');
    expect(payment).not.toHaveProperty('PAYMENT_MIGRATION_DATABASE_URL');
    for (const name of [
      'PAYMENT_DATABASE_URL',
      'INVENTORY_DATABASE_URL',
      'INVENTORY_MIGRATION_DATABASE_URL',
      'PAYMENT_PROVIDER_URL',
      'SMTP_URL',
    ]) {
      expect(order).not.toHaveProperty(name);
    }
  });

  it('holds the secrets of external systems and of synthetic orders only where they are used', () => {
    const secrets = {
      SMTP_URL: 'smtp://shop:hidden@mail.example:587',
      PAYMENT_PROVIDER_URL: 'https://provider.example',
      SYNTHETIC_CREDENTIAL: 'hidden',
    };
    const plan = planFor(secrets);
    const secretsOf = (service: ServiceName) =>
      Object.keys(secrets).filter((name) => environmentOf(plan, service)[name] !== undefined);

    expect(secretsOf('order')).toEqual(['SYNTHETIC_CREDENTIAL']);
    expect(secretsOf('payment')).toEqual(['PAYMENT_PROVIDER_URL', 'SYNTHETIC_CREDENTIAL']);
    expect(secretsOf('notification')).toEqual(['SMTP_URL']);
  });

  it.each(['0.0.0.0', '::'])('holds addresses of this machine when the services listen on %s', (HOST) => {
    const order = environmentOf(planFor({ HOST, INSECURE: 'on' }), 'order');

    expect(order.INVENTORY_URL).toBe('http://127.0.0.1:50052');
  });

  it('of a replica holds a port of its own, and the addresses of all replicas of every service', () => {
    const plan = planFor({ REPLICAS: '2' });
    const second = { ...plan, port: (variable: string) => (variable.endsWith('_2') ? 20_000 : plan.port(variable)) };

    expect(environmentOf(second, 'order', 2)).toMatchObject({
      ORDER_PORT: '20000',
      INVENTORY_URL: 'http://127.0.0.1:50052,http://127.0.0.1:20000',
      PAYMENT_URL: 'http://127.0.0.1:50053,http://127.0.0.1:20000',
    });
    expect(environmentOf(second, 'order').ORDER_PORT).toBe('50051');
  });

  it.each(['0', '10', 'two'])('is not made for %s replicas', (REPLICAS) => {
    expect(() => planFor({ REPLICAS })).toThrow('REPLICAS must be a whole number from 1 to 9');
  });

  it('holds the address of every service, unless the settings override it', () => {
    const order = environmentOf(planFor({ PAYMENT_URL: 'http://pay.example', INVENTORY_PORT: '6052' }), 'order');

    expect(order).toMatchObject({
      ORDER_PORT: '50051',
      INVENTORY_URL: 'http://127.0.0.1:6052',
      PAYMENT_URL: 'http://pay.example',
    });
  });

  it('holds the overrides of one service in that service only', () => {
    const plan = planFor({ LOG_LEVEL: 'warn' }, { order: { PAYMENT_URL: 'http://127.0.0.1:9' } });

    expect(environmentOf(plan, 'order')).toMatchObject({ LOG_LEVEL: 'warn', PAYMENT_URL: 'http://127.0.0.1:9' });
    expect(environmentOf(plan, 'inventory')).toMatchObject({ PAYMENT_URL: 'http://127.0.0.1:50053' });
  });

  it('holds the address of an external broker', () => {
    const plan = planFor({ NATS_URL: 'nats://shop:hidden@nats.example:4222' });

    expect(environmentOf(plan, 'order').NATS_URL).toBe('nats://shop:hidden@nats.example:4222');
  });
});

describe('the settings of the stack', () => {
  it('are rejected all in one error, by name and without their values', () => {
    const load = () =>
      loadStackSettings({
        ORDER_PORT: '70000',
        NATS_URL: 'hidden',
        ORDER_DATABASE_URL: 'mysql://u:hidden@h/d',
        LOG_FORMAT: 'xml',
      });

    for (const name of ['ORDER_PORT', 'NATS_URL', 'ORDER_DATABASE_URL', 'LOG_FORMAT']) expect(load).toThrow(name);
    expect(load).not.toThrow(/hidden/);
  });
});
