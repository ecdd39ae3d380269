import { describe, expect, it } from 'vitest';
import { loadConfig } from '#services/order/config.ts';
import { createPolicies } from '#services/order/policies.ts';
import { ConfigError } from '#services/platform/base/settings.ts';
import { DEFAULT_SERVER_LIMITS } from '#services/platform/runtime/server-limits.ts';

const DATABASE = { ORDER_DATABASE_URL: 'postgres://shop_order:pass-word@127.0.0.1:54329/shop_order' };

function faultsOf(environment: Record<string, string>): string {
  try {
    loadConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  return '';
}

describe('the settings', () => {
  it('have the defaults of the local stack', () => {
    expect(loadConfig(DATABASE)).toMatchObject({
      host: '127.0.0.1',
      port: 50051,
      natsUrl: 'nats://127.0.0.1:42229',
      inventoryUrl: 'http://127.0.0.1:50052',
      paymentUrl: 'http://127.0.0.1:50053',
      budgetMs: 2_500,
      orderLimitMs: 900_000,
      failingPaymentLimitMs: 60_000,
      maxResumeMs: 10_000,
      inventoryTimeoutMs: 1_000,
      paymentTimeoutMs: 2_000,
      databaseConnections: 15,
      databasePooled: false,
      databaseTimeoutMs: 500,
      breakerResetMs: 5_000,
      logLevel: 'info',
      corsOrigins: undefined,
      flagFile: expect.stringMatching(/services\/order\/flags\.json$/),
      flagdUrl: undefined,
      guestsAllowed: false,
      maxPendingOrders: 50,
    });
  });

  it('are taken from the environment, each by its own name', () => {
    const config = loadConfig({
      ORDER_DATABASE_URL: 'postgres://a:b@db:1/x',
      ORDER_MIGRATION_DATABASE_URL: 'postgres://o:b@db:1/x',
      DATABASE_CONNECTIONS: '9',
      HOST: '0.0.0.0',
      ORDER_PORT: '1',
      NATS_URL: 'nats://n:2',
      INVENTORY_URL: 'http://i:3',
      PAYMENT_URL: 'https://p:4',
      ORDER_BUDGET_MS: '1000',
      ORDER_LIMIT_MS: '2000',
      FAILING_PAYMENT_LIMIT_MS: '8000',
      ORDER_MAX_RESUME_MS: '4000',
      ORDER_INVENTORY_TIMEOUT_MS: '5000',
      ORDER_PAYMENT_TIMEOUT_MS: '6000',
      DATABASE_TIMEOUT_MS: '7000',
      BREAKER_RESET_MS: '3000',
      LOG_LEVEL: 'debug',
      CORS_ORIGINS: 'https://shop.example',
      PAYMENT_METHODS: 'pm_one, pm_two',
      FLAG_FILE: '/etc/flags.json',
      FLAGD_URL: 'https://flags:5',
      MAX_CALLS: '6',
      MAX_QUEUED_CALLS: '0',
      MAX_QUEUE_MS: '8',
      OPS_CALLS_PER_SECOND: '10',
      MAX_STREAMS: '9',
      SYNTHETIC_CREDENTIAL: 'sixteen-letters-at-least',
      SYNTHETIC_RETENTION_MS: '10000',
      GUEST_ORDERS: 'on',
      MAX_PENDING_ORDERS: '7',
      TOKEN_ISSUER: 'https://id.example',
      TOKEN_AUDIENCE: 'shop',
      TOKEN_KEYS: '/etc/keys.json',
      TOKEN_CLOCK_TOLERANCE_MS: '11',
      IDENTITY_TOKEN_FILE: '/run/token',
      TLS_CERT_FILE: '/tls/cert.pem',
      TLS_KEY_FILE: '/tls/key.pem',
      TLS_CA_FILE: '/tls/ca.pem',
      TRUST_DOMAIN: 'shop.example',
      INSECURE: 'on',
    });
    expect(config).toEqual({
      databaseUrl: 'postgres://a:b@db:1/x',
      migrationDatabaseUrl: 'postgres://o:b@db:1/x',
      databaseConnections: 9,
      databasePooled: false,
      host: '0.0.0.0',
      port: 1,
      natsUrl: 'nats://n:2',
      inventoryUrl: 'http://i:3',
      paymentUrl: 'https://p:4',
      budgetMs: 1_000,
      orderLimitMs: 2_000,
      failingPaymentLimitMs: 8_000,
      maxResumeMs: 4_000,
      inventoryTimeoutMs: 5_000,
      paymentTimeoutMs: 6_000,
      databaseTimeoutMs: 7_000,
      breakerResetMs: 3_000,
      logLevel: 'debug',
      corsOrigins: ['https://shop.example'],
      paymentMethods: new Set(['pm_one', 'pm_two']),
      flagFile: '/etc/flags.json',
      flagdUrl: 'https://flags:5',
      syntheticCredential: 'sixteen-letters-at-least',
      syntheticRetentionMs: 10_000,
      guestsAllowed: true,
      maxPendingOrders: 7,
      identity: {
        tokens: { issuer: 'https://id.example', audience: 'shop', keys: '/etc/keys.json', clockToleranceMs: 11 },
        ownTokenFile: '/run/token',
        tls: { cert: '/tls/cert.pem', key: '/tls/key.pem', ca: '/tls/ca.pem' },
        trustDomain: 'shop.example',
        insecure: true,
      },
      callLimits: { maxCalls: 6, maxQueuedCalls: 0, maxQueueMs: 8, maxStreams: 9, opsCallsPerSecond: 10 },
      serverLimits: DEFAULT_SERVER_LIMITS,
    });
  });

  it('accept every token of the provider when the payment methods are a star', () => {
    expect(loadConfig({ ...DATABASE, PAYMENT_METHODS: '*' }).paymentMethods).toBeUndefined();
  });

  it('require a database', () => {
    expect(faultsOf({})).toContain('ORDER_DATABASE_URL must be set');
  });

  it('report all their faults at once', () => {
    const faults = faultsOf({ ORDER_PORT: 'x', INVENTORY_URL: 'ftp://i', ORDER_BUDGET_MS: '0', PAYMENT_URL: 'p' });
    for (const name of ['ORDER_DATABASE_URL', 'ORDER_PORT', 'INVENTORY_URL', 'ORDER_BUDGET_MS', 'PAYMENT_URL']) {
      expect(faults).toContain(name);
    }
  });

  it('refuse a budget that leaves no time for the steps before the last', () => {
    expect(faultsOf({ ...DATABASE, ORDER_BUDGET_MS: '499' })).toContain(
      'ORDER_BUDGET_MS must be a whole number from 500',
    );
    expect(faultsOf({ ...DATABASE, ORDER_BUDGET_MS: '500' })).toBe('');
  });

  it('never show a password in a fault', () => {
    expect(faultsOf({ ORDER_DATABASE_URL: 'mysql://user:pass-word@db/x' })).not.toContain('pass-word');
  });
});

describe('the policies', () => {
  it('open a breaker after five failures and probe it after BREAKER_RESET_MS', () => {
    const policies = createPolicies(1_234);
    for (const policy of Object.values(policies)) {
      expect(policy).toMatchObject({ breakerFailures: 5, breakerResetMs: 1_234 });
    }
  });

  it('leave a replica capacity while a dependency is slow, and a call time for more than one try', () => {
    const { maxCalls } = loadConfig(DATABASE).callLimits ?? { maxCalls: 0 };
    for (const policy of Object.values(createPolicies(5_000))) {
      expect(policy.maxConcurrent).toBeLessThan(maxCalls);
      expect(policy.tryTimeoutMs).toBeLessThan(policy.timeoutMs);
    }
  });

  it('let a call take as long as its setting says, and its last try a little less', () => {
    const { inventory, payment } = createPolicies(5_000, { inventoryTimeoutMs: 3_000, paymentTimeoutMs: 4_000 });
    expect([inventory.timeoutMs, inventory.tryTimeoutMs]).toEqual([3_000, 2_900]);
    expect([payment.timeoutMs, payment.tryTimeoutMs]).toEqual([4_000, 3_900]);
  });

  it('detect a slow payment, and answer the order, in under 3 s', () => {
    const { inventory, payment } = createPolicies(5_000);
    const { budgetMs } = loadConfig(DATABASE);
    expect(payment.timeoutMs).toBeLessThan(budgetMs);
    expect(inventory.timeoutMs).toBeLessThan(budgetMs);
    expect(budgetMs).toBeLessThan(3_000);
  });
});
