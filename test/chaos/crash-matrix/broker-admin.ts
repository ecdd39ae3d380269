// What the matrix does to the broker as its administrator: plants events that no consumer can apply, and shortens the wait for redelivery.
import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { headers as createHeaders, nanos } from 'nats';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { services } from '#local/shared/topology.ts';
import { readBroker } from '../../support/invariants/sources.ts';

/** An event the matrix put into a stream itself. */
export type InjectedEvent = {
  readonly eventId: string;
  readonly stream: string;
  readonly sequence: number;
  isRemoved: boolean;
};

/** Lets what a dead consumer had in its hands be delivered again after `ackWaitMs`; returns how many consumers there are. */
export async function shortenAckWait(natsUrl: string, ackWaitMs: number): Promise<number> {
  return await readBroker(natsUrl, async ({ manager }) => {
    let consumers = 0;
    for (const { stream } of services) {
      if (stream === undefined) continue;
      for await (const { name, config } of manager.consumers.list(stream.name)) {
        if (config.durable_name === undefined) continue;
        await manager.consumers.update(stream.name, name, { ack_wait: nanos(ackWaitMs) });
        consumers += 1;
      }
    }
    return consumers;
  });
}

/** Plants an OrderCreated that no consumer can read, and one that none can apply. */
export async function injectPoisonEvents(natsUrl: string): Promise<InjectedEvent[]> {
  const forbidden = create(OrderCreatedSchema, {
    orderId: `injected-${randomUUID()}`,
    customerId: 'cust123',
    items: [{ productId: '12345', quantity: 1 }],
    synthetic: true,
    version: 1n,
  });
  const bodies = [Buffer.from('this is no message'), toBinary(OrderCreatedSchema, forbidden)];
  return await readBroker(natsUrl, ({ jetstream }) =>
    Promise.all(
      bodies.map(async (body) => {
        const eventId = randomUUID();
        const headers = createHeaders();
        headers.set('ce-id', eventId);
        const { stream, seq } = await jetstream.publish(OrderCreatedSchema.typeName, body, { headers, msgID: eventId });
        return { eventId, stream, sequence: seq, isRemoved: false };
      }),
    ),
  );
}

/** Takes injected events out of their streams: they were never the platform's. */
export async function removeInjectedEvents(natsUrl: string, injected: readonly InjectedEvent[]): Promise<void> {
  await readBroker(natsUrl, async ({ manager }) => {
    for (const event of injected) {
      if (!event.isRemoved) await manager.streams.deleteMessage(event.stream, event.sequence);
      event.isRemoved = true;
    }
  });
}
