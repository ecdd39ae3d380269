import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  credential,
  durationMs,
  type Environment,
  httpUrl,
  parseSettings,
  port,
  postgresUrl,
  smtpUrl,
} from '#services/platform/base/settings.ts';
import { sharedSettings } from '#services/platform/runtime/config.ts';

const shape = {
  ...sharedSettings,
  ORDER_PORT: port(50_051),
  ORDER_DATABASE_URL: postgresUrl(),
  INVENTORY_URL: httpUrl('http://127.0.0.1:50052'),
  SMTP_URL: smtpUrl('smtp://127.0.0.1:1025'),
  ORDER_BUDGET_MS: durationMs(2_500, 100),
};
// Settings that accept any text.
const ANY_TEXT = [
  'HOST',
  'TOKEN_ISSUER',
  'TOKEN_AUDIENCE',
  'TOKEN_KEYS',
  'IDENTITY_TOKEN_FILE',
  'TLS_CERT_FILE',
  'TLS_KEY_FILE',
  'TLS_CA_FILE',
  'TRUST_DOMAIN',
  'NATS_CREDS_FILE',
];
const databaseUrl = 'postgres://order:hunter2@db/shop';

const parse = (environment: Environment) => parseSettings({ ORDER_DATABASE_URL: databaseUrl, ...environment }, shape);

/** The lines of the message of the error that bad settings cause, the headline aside. */
function faultsOf(environment: Environment): string[] {
  try {
    parseSettings(environment, shape);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split('\n').slice(1);
  }
  return [];
}

it('fills in every default', () => {
  expect(parse({})).toEqual({
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    MAX_CALLS: 32,
    MAX_QUEUED_CALLS: 200,
    MAX_QUEUE_MS: 2_000,
    MAX_STREAMS: 1_000,
    OPS_CALLS_PER_SECOND: 50,
    MAX_STREAM_AGE_MS: 1_800_000,
    MAX_CONNECTIONS: 1_000,
    MAX_CONNECTIONS_PER_PEER: 500,
    MAX_STREAMS_PER_CONNECTION: 100,
    MAX_BODY_KIB: 32_768,
    BODY_TIMEOUT_MS: 10_000,
    IDLE_TIMEOUT_MS: 75_000,
    PING_INTERVAL_MS: 30_000,
    NATS_URL: 'nats://127.0.0.1:42229',
    CORS_ORIGINS: undefined,
    DATABASE_CONNECTIONS: 15,
    DATABASE_POOLER: 'none',
    TOKEN_ISSUER: 'touchstone',
    TOKEN_AUDIENCE: 'touchstone',
    TOKEN_CLOCK_TOLERANCE_MS: 5_000,
    TRUST_DOMAIN: 'touchstone.local',
    INSECURE: 'off',
    DATABASE_TIMEOUT_MS: 500,
    ORDER_PORT: 50_051,
    ORDER_DATABASE_URL: databaseUrl,
    INVENTORY_URL: 'http://127.0.0.1:50052',
    SMTP_URL: 'smtp://127.0.0.1:1025',
    ORDER_BUDGET_MS: 2_500,
  });
});

it('takes what is set over the defaults and leaves other variables alone', () => {
  const settings = parse({ HOST: '0.0.0.0', ORDER_PORT: '0', ORDER_BUDGET_MS: '100', PATH: '/bin' });

  expect(settings).toMatchObject({ HOST: '0.0.0.0', ORDER_PORT: 0, ORDER_BUDGET_MS: 100 });
  expect(settings).not.toHaveProperty('PATH');
});

it('treats an empty setting as one that is not set', () => {
  expect(parse({ ORDER_PORT: '', HOST: '' })).toMatchObject({ ORDER_PORT: 50_051, HOST: '127.0.0.1' });
  expect(faultsOf({ ORDER_DATABASE_URL: '' })).toEqual(['  ORDER_DATABASE_URL must be set']);
});

it('takes an empty list of origins for a list without any, which is not the default', () => {
  expect(parse({ CORS_ORIGINS: '' }).CORS_ORIGINS).toEqual([]);
  expect(parse({}).CORS_ORIGINS).toBeUndefined();
});

it('takes hosts by name, and says so of what is none', () => {
  const hosts = (value: string) => faultsOf({ ORDER_DATABASE_URL: databaseUrl, ALLOWED_HOSTS: value });

  expect(parse({ ALLOWED_HOSTS: 'order.shop.svc, shop.example' }).ALLOWED_HOSTS).toEqual([
    'order.shop.svc',
    'shop.example',
  ]);
  expect(parse({ ALLOWED_HOSTS: '*' }).ALLOWED_HOSTS).toEqual(['*']);
  for (const value of ['https://shop.example', 'shop.example:50051', 'a,,b', 'a/b', 'u@a']) {
    expect(hosts(value)).toEqual(['  ALLOWED_HOSTS must be host names without port, separated by commas, or *']);
  }
});

it('reports every fault at once, each on a line that names the setting', () => {
  const faults = faultsOf({
    ORDER_PORT: '70000',
    INVENTORY_URL: 'inventory',
    LOG_LEVEL: 'loud',
    CORS_ORIGINS: 'shop.example',
    NATS_URL: 'http://127.0.0.1',
    ORDER_BUDGET_MS: '2.5s',
  });

  expect(faults.map((fault) => fault.trim().split(' ')[0]).sort()).toEqual([
    'CORS_ORIGINS',
    'INVENTORY_URL',
    'LOG_LEVEL',
    'NATS_URL',
    'ORDER_BUDGET_MS',
    'ORDER_DATABASE_URL',
    'ORDER_PORT',
  ]);
});

it('never contains a value, which may hold a password', () => {
  const secret = 'hunter2';
  const everySettingWrong = Object.fromEntries(Object.keys(shape).map((name) => [name, `bad ${secret}`]));

  const faults = faultsOf(everySettingWrong);

  expect(faults).toHaveLength(Object.keys(shape).length - ANY_TEXT.length);
  expect(faults.join('\n')).not.toContain(secret);
});

describe('a port', () => {
  it.each(['0', '1', '65535'])('may be %s', (value) => {
    expect(parse({ ORDER_PORT: value }).ORDER_PORT).toBe(Number(value));
  });

  it.each(['65536', '-1', '80.5', '0x50', '1e3', ' 80', 'http', '99999999999'])('may not be %j', (value) => {
    expect(faultsOf({ ORDER_DATABASE_URL: databaseUrl, ORDER_PORT: value })).toEqual([
      '  ORDER_PORT must be a whole number from 0 to 65535',
    ]);
  });
});

describe('a duration', () => {
  it.each(['100', '86400000'])('may be %s ms, a bound of its range', (value) => {
    expect(parse({ ORDER_BUDGET_MS: value }).ORDER_BUDGET_MS).toBe(Number(value));
  });

  it.each(['99', '86400001', '-5', '1s'])('may not be %j', (value) => {
    expect(faultsOf({ ORDER_DATABASE_URL: databaseUrl, ORDER_BUDGET_MS: value })).toEqual([
      '  ORDER_BUDGET_MS must be a whole number from 100 to 86400000',
    ]);
  });

  it('is at least one millisecond by default', () => {
    expect(() => parseSettings({ RESET_MS: '0' }, { RESET_MS: durationMs(5_000) })).toThrow(ConfigError);
    expect(parseSettings({ RESET_MS: '0' }, { RESET_MS: durationMs(5_000, 0) })).toEqual({ RESET_MS: 0 });
  });
});

describe('an address', () => {
  it.each([
    ['INVENTORY_URL', 'https://inventory.example'],
    ['NATS_URL', 'nats://order:p%40ss@broker:4222'],
    ['NATS_URL', 'tls://broker:4222'],
    ['SMTP_URL', 'smtps://mail.example:465'],
    ['ORDER_DATABASE_URL', 'postgresql://order@db:5432/shop?sslmode=require'],
  ])('of %s may be %s', (name, value) => {
    expect(parse({ [name]: value })).toMatchObject({ [name]: value });
  });

  it.each([
    ['INVENTORY_URL', 'http:// or https://'],
    ['NATS_URL', 'nats:// or tls://'],
    ['SMTP_URL', 'smtp:// or smtps://'],
    ['ORDER_DATABASE_URL', 'postgres:// or postgresql://'],
  ])('of %s must be of its kind', (name, starts) => {
    const fault = `  ${name} must be an address that starts with ${starts}`;

    expect(faultsOf({ ORDER_DATABASE_URL: databaseUrl, [name]: 'ftp://somewhere' })).toEqual([fault]);
    expect(faultsOf({ ORDER_DATABASE_URL: databaseUrl, [name]: 'somewhere' })).toEqual([fault]);
  });
});

describe('the origins that may call from a browser', () => {
  it('are a list separated by commas, blanks aside', () => {
    expect(parse({ CORS_ORIGINS: 'https://shop.example, http://localhost:3000' }).CORS_ORIGINS).toEqual([
      'https://shop.example',
      'http://localhost:3000',
    ]);
  });

  it.each(['https://shop.example/', 'https://shop.example/path', 'shop.example', 'https://a.example,,', 'null'])(
    'are origins and nothing else: %s',
    (value) => {
      expect(faultsOf({ ORDER_DATABASE_URL: databaseUrl, CORS_ORIGINS: value })).toEqual([
        '  CORS_ORIGINS must be origins like https://app.example, separated by commas',
      ]);
    },
  );
});

describe('a credential', () => {
  const read = (value: string) => parseSettings({ CREDENTIAL: value }, { CREDENTIAL: credential() }).CREDENTIAL;

  it('has 16 to 256 visible characters', () => {
    for (const value of ['x'.repeat(16), '~'.repeat(256)]) expect(read(value)).toBe(value);
  });

  it.each([
    'x'.repeat(15),
    'x'.repeat(257),
    `${'x'.repeat(16)} `,
    ` ${'x'.repeat(16)}`,
    `${'x'.repeat(16)}\r\nx: y`,
    'é'.repeat(16),
  ])('that does not fit in a header is refused: %j', (value) => {
    expect(() => read(value)).toThrow('CREDENTIAL must be 16 to 256 visible ASCII characters');
  });
});
