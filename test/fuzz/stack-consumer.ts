// The consumers of a service of the local stack, as the fuzzer of events sees them.
import { createClient } from '@connectrpc/connect';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import type { ServiceName } from '#local/shared/topology.ts';
import type { Stack } from '#local/stack/stack.ts';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf } from '#services/platform/base/domain.ts';
import { openPublisher } from '../support/events.ts';
import { connectTo } from '../support/identity/stack-transport.ts';
import type { FuzzedEvent } from './event-generator.ts';
import type { ConsumerUnderTest } from './fuzz-consumer.ts';

const HANDLED =
  /^messaging_client_consumed_messages_total\{.*result="(applied|duplicate|ignored|dead_letter)".*\} (\d+)$/gm;

/** Opens a consumer of a service, with a connection to the broker as the producer of the events. */
export async function openStackConsumer(
  stack: Stack,
  service: ServiceName,
  producer: ServiceName,
): Promise<ConsumerUnderTest & AsyncDisposable> {
  const ops = createClient(OpsService, connectTo(stack, service));
  const token = await stack.token('operator', 'fuzz');
  const publisher = await openPublisher((name) => stack.natsUrl(name), producer);
  return {
    publish: (event) => publisher.publish(toOutgoing(event, producer)),
    async waiting() {
      const { status } = await ops.getStatus({});
      return (status?.consumers ?? []).reduce(
        (sum, { pending, unacknowledged }) => sum + Math.abs(Number(pending)) + Math.abs(Number(unacknowledged)),
        0,
      );
    },
    async handled() {
      const response = await fetch(`${stack.url(service)}/metrics`, { headers: { authorization: `Bearer ${token}` } });
      return [...(await response.text()).matchAll(HANDLED)].reduce((sum, [, , count]) => sum + Number(count), 0);
    },
    async deadLetterIds() {
      const ids = new Set<string>();
      let pageToken = '';
      do {
        const page = await ops.listDeadLetters({ pageSize: 200, pageToken });
        for (const { eventId } of page.deadLetters) ids.add(eventId);
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      return ids;
    },
    [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose](),
  };
}

function toOutgoing({ id, subject, payload }: FuzzedEvent, producer: ServiceName) {
  return {
    id,
    subject,
    payload,
    headers: {
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-type': subject,
      'ce-source': eventSourceOf(DOMAIN, producer),
      'ce-time': new Date().toISOString(),
      'content-type': 'application/protobuf',
    },
  };
}
