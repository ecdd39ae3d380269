import { randomUUID } from 'node:crypto';
import { NatsError } from 'nats';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type OrderCreated, OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import { createEvent } from '#services/platform/messaging/event.ts';
import { onEvent } from '#services/platform/messaging/event-handler.ts';
import { applyStored } from '#services/platform/messaging/stream-reader.ts';
import { installTracing } from '#services/platform/observability/tracing.ts';
import { createFakeDatabase } from '../support/fake-database.ts';
import { apiError } from '../support/fake-stream.ts';
import { recordLog } from '../support/recorded-log.ts';

const MESSAGE_MISSING = 10037;

beforeAll(() => installTracing(DOMAIN.correlation));

type Stored = { readonly subject: string; readonly data: Uint8Array; readonly header: Map<string, string> };

/** OrderCreated as it is stored. */
function stored(orderId: string): Stored {
  const { subject, payload, headers } = createEvent(
    eventSourceOf(DOMAIN, 'order'),
    OrderCreatedSchema,
    { orderId },
    new Date(),
  );
  return { subject, data: payload, header: new Map(Object.entries(headers)) };
}

/** Applies the numbers 1 to `last` of a stream; `handle` decides what becomes of an event. */
function read(messages: Record<number, Stored>, handle: (event: OrderCreated) => Promise<void>, last = 3) {
  const letters: unknown[] = [];
  const database = createFakeDatabase(({ text, values }) => {
    if (text.includes('insert into dead_letter')) letters.push(values[2] ?? values[1]);
    return text.includes('insert into inbox')
      ? values
          .flat()
          .filter((value) => typeof value === 'string' && value.includes('-'))
          .map((id) => ({ id }))
      : [];
  });
  const getMessage = vi.fn(async (_stream: string, { seq }: { seq: number }) => {
    const message = messages[seq];
    if (message === undefined) throw apiError(MESSAGE_MISSING);
    return message;
  });
  const recorded = recordLog();
  const subscription = { producer: 'order', handlers: [onEvent(OrderCreatedSchema, handle)] };
  const applied = applyStored(
    { streams: { getMessage } } as never,
    { first: 1, last },
    { domain: DOMAIN, subscription, database, log: recorded.log },
  );
  return { applied, getMessage, letters, database, ...recorded };
}

describe('reading a stream again', () => {
  it('applies what is stored, in one transaction, and returns where to read on', async () => {
    const seen: string[] = [];
    const { applied, database } = read({ 1: stored('one'), 3: stored('three') }, async ({ orderId }) => {
      seen.push(orderId);
    });

    expect(await applied).toBe(4);
    expect(seen).toEqual(['one', 'three']);
    expect(database.transactions).toEqual(['committed']);
  });

  it('reads the names of headers in whatever case they are', async () => {
    const seen: string[] = [];
    const event = stored('one');
    const header = new Map([...event.header].map(([name, value]) => [name.toUpperCase(), value]));
    const { applied } = read({ 1: { ...event, header } }, async ({ orderId }) => {
      seen.push(orderId);
    });

    expect(await applied).toBe(4);
    expect(seen).toEqual(['one']);
  });

  it('reads at most 64 messages at a time', async () => {
    const { applied, getMessage } = read({}, async () => undefined, 1_000);

    expect(await applied).toBe(65);
    expect(getMessage).toHaveBeenCalledTimes(64);
  });

  it('leaves out events that nothing handles, and those without a ce-id that is a UUID', async () => {
    const unhandled = { ...stored('one'), subject: 'shop.order.v1.OrderConfirmed' };
    const nameless = { ...stored('two'), header: new Map([['ce-id', 'two']]) };
    const { applied, database, letters } = read({ 1: unhandled, 2: nameless }, async () => undefined);

    expect(await applied).toBe(4);
    expect(database.statements).toEqual([]);
    expect(letters).toEqual([]);
  });

  it('stores an event that cannot be applied as a dead letter, and applies the others', async () => {
    const seen: string[] = [];
    const handle = async ({ orderId }: OrderCreated) => {
      if (orderId === 'bad') throw new Error('impossible');
      seen.push(orderId);
    };
    const { applied, letters, messages } = read({ 1: stored('one'), 2: stored('bad'), 3: stored('three') }, handle);

    expect(await applied).toBe(4);
    expect(seen.slice(-2)).toEqual(['one', 'three']);
    expect(letters).toHaveLength(1);
    expect(messages('error')).toEqual(['an event was stored as a dead letter']);
  });

  it.each([
    ['the database', unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'down' }), undefined],
    ['the broker', undefined, new NatsError('timeout', 'TIMEOUT')],
  ])('fails in an outage of %s, to be repeated, and stores no dead letter', async (_part, ofDatabase, ofBroker) => {
    const { applied, letters } = read({ 1: stored(randomUUID()) }, async () => {
      throw ofDatabase ?? ofBroker;
    });

    await expect(applied).rejects.toThrow(/down|timeout/);
    expect(letters).toEqual([]);
  });
});
