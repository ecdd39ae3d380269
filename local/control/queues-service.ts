// The RPCs of ControlService about queues: filling one, and how long they are.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ControlService } from '#gen/local/control/v1/control_pb.ts';
import type { QueueFill, QueueFillState } from './queue-fill.ts';
import type { QueueLengths } from './queue-lengths.ts';

export type QueueDependencies = {
  readonly queueFill: QueueFill;
  readonly queueLengths: Pick<QueueLengths, 'read'>;
};

type Queues = Pick<ServiceImpl<typeof ControlService>, 'fillQueue' | 'listQueues'>;

/** Creates their implementation. */
export function createQueuesService({ queueFill, queueLengths }: QueueDependencies): Queues {
  return {
    fillQueue: async ({ process }) => toQueueFillMessage(await queueFill.start(process)),
    listQueues: async () => {
      const lengths = await queueLengths.read();
      return { queues: lengths.map(({ waiting, ...queue }) => ({ ...queue, waiting: BigInt(waiting) })) };
    },
  };
}

/** The field `queue_fill` of a response. */
export function toQueueFillMessage(state: QueueFillState | undefined) {
  if (state === undefined) return {};
  const { end, ...fill } = state;
  return { queueFill: { ...fill, endTime: timestampFromDate(end) } };
}
