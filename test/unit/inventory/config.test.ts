import { expect, it } from 'vitest';
import { loadConfig } from '#services/inventory/config.ts';
import { DEFAULT_SERVER_LIMITS } from '#services/platform/runtime/server-limits.ts';
import { DEFAULT_LIMITS } from '#services/platform/server/load-shedding.ts';

const DATABASE = { INVENTORY_DATABASE_URL: 'postgres://inventory:secret@127.0.0.1:54329/shop_inventory' };

it('needs only its database', () => {
  expect(loadConfig(DATABASE)).toEqual({
    host: '127.0.0.1',
    port: 50_052,
    databaseUrl: DATABASE.INVENTORY_DATABASE_URL,
    migrationDatabaseUrl: undefined,
    databaseConnections: 15,
    databasePooled: false,
    databaseTimeoutMs: 500,
    natsUrl: 'nats://127.0.0.1:42229',
    corsOrigins: undefined,
    identity: {
      tokens: { issuer: 'touchstone', audience: 'touchstone', keys: undefined, clockToleranceMs: 5_000 },
      ownTokenFile: undefined,
      tls: undefined,
      trustDomain: 'touchstone.local',
      insecure: false,
    },
    callLimits: DEFAULT_LIMITS,
    serverLimits: DEFAULT_SERVER_LIMITS,
    logLevel: 'info',
    syntheticCredential: undefined,
    syntheticRetentionMs: 86_400_000,
  });
});

it('takes every setting', () => {
  const config = loadConfig({
    ...DATABASE,
    HOST: '0.0.0.0',
    INVENTORY_PORT: '0',
    NATS_URL: 'nats://inventory:secret@nats:4222',
    CORS_ORIGINS: 'https://shop.example, https://admin.example',
    LOG_LEVEL: 'debug',
  });
  expect(config).toMatchObject({
    host: '0.0.0.0',
    port: 0,
    natsUrl: 'nats://inventory:secret@nats:4222',
    corsOrigins: ['https://shop.example', 'https://admin.example'],
    logLevel: 'debug',
  });
});

it('treats an empty setting as unset', () => {
  expect(loadConfig({ ...DATABASE, INVENTORY_PORT: '' }).port).toBe(50_052);
});

it('reports every invalid setting at once, without its value', () => {
  const load = () =>
    loadConfig({
      INVENTORY_DATABASE_URL: 'mysql://a:secret@b/c',
      INVENTORY_PORT: '65536',
      NATS_URL: 'http://secret',
      HOST: 'h',
    });
  for (const name of ['INVENTORY_DATABASE_URL', 'INVENTORY_PORT', 'NATS_URL']) expect(load).toThrow(`${name} must be`);
  expect(load).not.toThrow(/secret/);
});

it('reports a missing database setting', () => {
  expect(() => loadConfig({})).toThrow('INVENTORY_DATABASE_URL must be set');
});
