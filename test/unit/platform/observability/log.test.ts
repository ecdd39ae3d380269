import { beforeAll, describe, expect, it } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';
import { installTracing, runInSpan, runWithCorrelation, SpanKind } from '#services/platform/observability/tracing.ts';
import { recordLog } from '../support/recorded-log.ts';

beforeAll(() => installTracing(DOMAIN.correlation));

describe('a line', () => {
  it('is one JSON object with the service, the level by name, the time and the words', () => {
    const { log, lines } = recordLog();

    log.warn({ orders: 3 }, 'slow');

    expect(lines).toEqual([
      { level: 'warn', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), service: 'order', orders: 3, msg: 'slow' },
    ]);
  });

  it('below the level is not written', () => {
    const { log, lines } = recordLog('warn');

    log.info('quiet');

    expect(lines).toEqual([]);
  });

  it('inside a call carries the trace id, and outside none', async () => {
    const { log, lines } = recordLog();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

    await runInSpan({ name: 'call', kind: SpanKind.SERVER, headers: { traceparent } }, async () => log.info('inside'));
    log.info('outside');

    expect(lines[0]).toMatchObject({ trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' });
    expect(lines[1]).not.toHaveProperty('trace_id');
  });

  it('for an order carries its id, also after something asynchronous', async () => {
    const { log, lines } = recordLog();

    await runWithCorrelation('ord124', async () => {
      await Promise.resolve();
      log.info('inside');
    });
    log.info('outside');

    expect(lines[0]).toMatchObject({ order_id: 'ord124' });
    expect(lines[1]).not.toHaveProperty('order_id');
  });
});

describe('a secret', () => {
  it.each(['payment_method', 'paymentMethod', 'password', 'authorization', 'token', 'databaseUrl', 'natsUrl'])(
    'field %s is blanked at the first two levels',
    (field) => {
      const { log, lines } = recordLog();

      log.info({ [field]: 'pm_4242', request: { [field]: 'pm_4242', quantity: 2 } }, 'asked');

      expect(lines[0]).toMatchObject({ [field]: '[secret]', request: { [field]: '[secret]', quantity: 2 } });
    },
  );

  it('in the message, the stack and the causes of an error is blanked', () => {
    const { log, lines } = recordLog();
    const cause = new Error('cannot reach nats://order:hunter2@broker:4222');

    log.error({ err: new Error('cannot reach postgres://order:hunter2@db/shop', { cause }) }, 'start failed');

    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines[0]?.err).toMatchObject({
      type: 'Error',
      message: 'cannot reach postgres://order:[secret]@db/shop',
      cause: { message: 'cannot reach nats://order:[secret]@broker:4222' },
    });
  });

  it('in a reason is blanked too', () => {
    const { log, lines } = recordLog();

    log.warn({ reason: 'cannot reach postgres://order:hunter2@db/shop' }, 'trying again');

    expect(lines[0]?.reason).toBe('cannot reach postgres://order:[secret]@db/shop');
  });

  it('in something thrown that is no error is blanked too', () => {
    const { log, lines } = recordLog();

    log.error({ err: 'bad url smtp://me:hunter2@mail' }, 'failed');

    expect(lines[0]?.err).toEqual({ message: 'bad url smtp://me:[secret]@mail' });
  });
});

describe('a connection string in a text', () => {
  it.each([
    ['postgres://order:p%40ss@db:5432/shop', 'postgres://order:[secret]@db:5432/shop'],
    ['postgres://order:p@ss@db/shop', 'postgres://order:[secret]@db/shop'],
    ['postgres://order:p:a/s?s#@db/shop', 'postgres://order:[secret]@db/shop'],
    ['nats://:onlypassword@broker', 'nats://:[secret]@broker'],
    ['of "nats://a:one@x" and (smtp://b:two@y)', 'of "nats://a:[secret]@x" and (smtp://b:[secret]@y)'],
    ['POSTGRES://Order:Secret@DB', 'POSTGRES://Order:[secret]@DB'],
  ])('loses its password: %s', (text, scrubbed) => {
    expect(scrubSecrets(text)).toBe(scrubbed);
  });

  it.each(['http://127.0.0.1:50052/a', 'nats://broker:4222', 'mail to a@b: done', 'postgres://order@db/shop'])(
    'without a password stays as it is: %s',
    (text) => {
      expect(scrubSecrets(text)).toBe(text);
    },
  );
});
