import { beforeAll, describe, expect, it, vi } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { DomainError, failedPrecondition, unavailable } from '#services/platform/base/errors.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';
import { applied, createTestConsumer, eventually, type Handle, orderCreated } from './test-consumer.ts';

beforeAll(() => installTracing(DOMAIN.correlation));

describe('a handler that fails', () => {
  const failing: Handle = () => Promise.reject(new Error('no such product'));

  it('is retried later, and counted', async () => {
    await using test = createTestConsumer(failing);
    await test.start();
    const message = orderCreated();

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['nak', expect.any(Number)]]));
    expect([...test.attempts.values()]).toEqual([1]);
    expect(test.database.transactions).toEqual(['rolled back']);
    expect(test.lines).toMatchObject([{ level: 'warn', attempts: 1, err: { message: 'no such product' } }]);
  });

  it('is stored without the passwords in its message', async () => {
    await using test = createTestConsumer(() => Promise.reject(new Error('no postgres://me:hunter2@db for prod456')));
    await test.start();
    const message = orderCreated();

    for (let time = 1; time <= 5; time += 1) {
      test.receipts.clear(); // What a rollback does.
      test.deliver(message);
      await eventually(() => expect(message.answers).toHaveLength(time));
    }

    const stored = test.database.statements.filter(({ text }) => /insert into (event_failure|dead_letter)/.test(text));
    expect(stored).toHaveLength(6);
    for (const { values } of stored) expect(values).toContain('no postgres://me:[secret]@db for prod456');
  });

  it.each([
    [1, 50, 100],
    [4, 400, 800],
    [60, 5_000, 10_000],
  ])('at delivery %d waits %d to %d ms', async (delivery, least, most) => {
    await using test = createTestConsumer(failing);
    await test.start();
    const message = orderCreated(delivery);

    test.deliver(message);

    await eventually(() => expect(message.answers).toHaveLength(1));
    expect(message.answers[0]![1]).toBeGreaterThanOrEqual(least);
    expect(message.answers[0]![1]).toBeLessThanOrEqual(most);
  });

  it('five times stores its event as a dead letter, at any number of deliveries', async () => {
    const handle = vi.fn(failing);
    await using test = createTestConsumer((event, transaction) => {
      test.receipts.clear(); // What a rollback does.
      return handle(event, transaction);
    });
    await test.start();
    const message = orderCreated(40);

    for (let time = 1; time <= 5; time += 1) {
      test.deliver(message);
      await eventually(() => expect(message.answers).toHaveLength(time));
    }

    expect(message.answers.map(([answer]) => answer)).toEqual(['nak', 'nak', 'nak', 'nak', 'term']);
    expect(test.letters).toHaveLength(1);
    expect(test.letters[0]).toEqual(expect.arrayContaining(['SHOP_ORDER', 'no such product', 5]));
  });

  it.each([
    ['a RangeError', new RangeError('cannot add USD to EUR')],
    ['words that sound like an outage', new Error('the customer waited: timeout of the offer')],
    ['words that sound like a broken body', new Error('cannot decode the voucher')],
    ['a state that forbids it', failedPrecondition('WRONG_STATE', 'not yet')],
  ])('with %s is a failure like any other', async (_, error) => {
    await using test = createTestConsumer(() => Promise.reject(error));
    await test.start();
    const message = orderCreated();

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['nak', expect.any(Number)]]));
    expect([...test.attempts.values()]).toEqual([1]);
  });
});

describe('an event that can never be applied', () => {
  it('because its body is no message is stored as a dead letter at once', async () => {
    const handle = vi.fn(applied);
    await using test = createTestConsumer(handle);
    await test.start();
    const message = orderCreated(1, { payload: Uint8Array.of(0x0f, 0xff) });

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['term']]));
    expect(handle).not.toHaveBeenCalled();
    expect(test.letters).toHaveLength(1);
    expect(await test.results()).toEqual(['dead_letter']);
  });

  it('because its handler reports invalid content is stored as a dead letter at once', async () => {
    const error = new DomainError({ kind: 'invalid_argument', reason: 'ORDER_EMPTY', message: 'an order of nothing' });
    await using test = createTestConsumer(() => Promise.reject(error));
    await test.start();
    const message = orderCreated();

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['term']]));
    expect(test.messages('error')).toEqual(['an event was stored as a dead letter']);
  });

  it.each([{}, { 'ce-id': '' }, { 'ce-id': 'not-a-uuid' }])(
    'because it has no id (%j) is stored under its sequence in the stream',
    async (headers) => {
      await using test = createTestConsumer(applied);
      await test.start();
      const message = orderCreated(1, { headers });

      test.deliver(message);

      await eventually(() => expect(message.answers).toEqual([['term']]));
      expect(test.letters[0]).toEqual(expect.arrayContaining(['SHOP_ORDER:17']));
      expect(test.attempts.size).toBe(0);
    },
  );

  it('because it has no headers is stored without any', async () => {
    await using test = createTestConsumer(applied);
    await test.start();
    const { message, answers } = orderCreated();

    test.deliver({ message: Object.assign(message, { headers: undefined }), answers });

    await eventually(() => expect(answers).toEqual([['term']]));
    expect(test.letters[0]).toEqual(expect.arrayContaining(['SHOP_ORDER:17', '{}']));
    expect(test.lines).toMatchObject([{ level: 'error', 'messaging.message.id': '' }]);
  });
});

describe('an outage', () => {
  it('is retried for ever and never counted', async () => {
    const outage = unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });
    await using test = createTestConsumer(applied, () => {
      throw outage;
    });
    await test.start();
    const message = orderCreated();

    for (let time = 1; time <= 20; time += 1) {
      test.deliver(message);
      await eventually(() => expect(message.answers).toHaveLength(time));
    }

    expect(message.answers.every(([answer]) => answer === 'nak')).toBe(true);
    expect(test.attempts.size).toBe(0);
    expect(test.letters).toEqual([]);
  });

  it('of a dependency of the handler is not counted either', async () => {
    await using test = createTestConsumer(() =>
      Promise.reject(unavailable({ reason: 'CATALOGUE_UNKNOWN', message: 'not yet', retryAfterMs: 1_000 })),
    );
    await test.start();
    const message = orderCreated();

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['nak', expect.any(Number)]]));
    expect(test.attempts.size).toBe(0);
  });

  it('while a failure is being recorded leaves the event to be delivered again', async () => {
    await using test = createTestConsumer(
      () => Promise.reject(new Error('no such product')),
      ({ text }) => {
        if (text.includes('event_failure ('))
          throw unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });
      },
    );
    await test.start();
    const message = orderCreated();

    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['nak', expect.any(Number)]]));
    expect(test.messages('warn')).toEqual(['a failed event could not be recorded, trying again']);
  });

  it('while a dead letter is being stored leaves the event to be delivered again, until it is stored', async () => {
    let isAway = true;
    await using test = createTestConsumer(applied, ({ text }) => {
      if (isAway && text.includes('insert into dead_letter'))
        throw unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 });
    });
    await test.start();
    const message = orderCreated(1, { payload: Uint8Array.of(0xff) });

    test.deliver(message);
    await eventually(() => expect(message.answers).toEqual([['nak', expect.any(Number)]]));
    isAway = false;
    test.receipts.clear(); // What a rollback does.
    test.deliver(message);

    await eventually(() => expect(message.answers).toEqual([['nak', expect.any(Number)], ['term']]));
    expect(test.letters).toHaveLength(1);
  });
});
