// A stream with one durable consumer whose messages a test puts in, one by one, and whose answers it reads.
import type { JsMsg } from 'nats';
import { NatsError } from 'nats';
import { vi } from 'vitest';
import type { Broker, BrokerSession } from '#services/platform/messaging/broker.ts';

export type FakeMessage = {
  readonly message: JsMsg;
  /** The acknowledgements to the broker: `ack`, `term`, or `nak` with the delay in milliseconds. */
  readonly answers: (readonly [answer: string, delayMs?: number])[];
};

type MessageInit = {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** Which delivery it is, from 1. */
  readonly delivery?: number;
};

/** Makes a message as the client hands it out. */
export function createMessage({ subject, payload, headers, delivery = 1 }: MessageInit): FakeMessage {
  const answers: FakeMessage['answers'] = [];
  const message = {
    subject,
    data: payload,
    headers: { keys: () => Object.keys(headers), get: (name: string) => headers[name] ?? '' },
    info: { stream: 'SHOP_ORDER', streamSequence: 17, redeliveryCount: delivery },
    ack: () => answers.push(['ack']),
    term: () => answers.push(['term']),
    nak: (delayMs: number) => answers.push(['nak', delayMs]),
  };
  return { message: message as unknown as JsMsg, answers };
}

/** An error as the broker answers it. */
export function apiError(errorCode: number): NatsError {
  const error = new NatsError('not found', '404');
  error.api_error = { code: 404, err_code: errorCode, description: 'not found' };
  return error;
}

/** A list that is read as it grows, until it is ended. */
function createQueue<Item>() {
  const items: Item[] = [];
  let ended = false;
  let changed = Promise.withResolvers<void>();
  const change = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  return {
    push: (item: Item) => {
      items.push(item);
      change();
    },
    end: () => {
      ended = true;
      change();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const item = items.shift();
        if (item !== undefined) yield item;
        else if (ended) return;
        else await changed.promise;
      }
    },
  };
}

/** Creates a stream; each new consumption delivers what is added from then on. */
export function createFakeStream() {
  let messages = createQueue<JsMsg>();
  let statuses = createQueue<{ type: string; data: unknown }>();
  const stop = vi.fn(() => {
    messages.end();
    statuses.end();
  });
  const consume = vi.fn(async (_options: Record<string, unknown>) => {
    messages = createQueue();
    statuses = createQueue();
    return {
      stop,
      close: async () => stop(),
      status: async () => statuses,
      [Symbol.asyncIterator]: () => messages[Symbol.asyncIterator](),
    };
  });
  const consumers = {
    info: vi.fn(
      async (_stream: string, _consumer: string): Promise<unknown> => ({ num_pending: 3, num_ack_pending: 2 }),
    ),
  };
  const session = {
    jetstream: { consumers: { get: async () => ({ consume }) } },
    manager: { consumers },
  } as unknown as BrokerSession;
  const broker = {
    name: 'broker',
    start: async () => undefined,
    stop: async () => undefined,
    session: vi.fn<Broker['session']>(async () => session),
    status: vi.fn<Broker['status']>(() => ({ connected: true, since: new Date() })),
  } satisfies Broker;
  return {
    broker,
    consumers,
    consume,
    stop,
    deliver: (message: FakeMessage) => messages.push(message.message),
    tell: (type: string, data: unknown = '') => statuses.push({ type, data }),
  };
}
