// The RPCs of ControlService about one order: what was logged, traced and published about it.
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { invalidArgument } from '../../services/platform/base/errors.ts';
import { isUuid } from '../../services/platform/base/validation.ts';
import type { ControlledStack } from './controlled-stack.ts';
import type { ReadOrderEvents } from './order-history/order-events.ts';
import type { SpanMemory } from './order-history/span-memory.ts';
import { toSpanMessage } from './order-history/span-message.ts';

const MOST_LINES = 100;
const MOST_SPANS = 500;

export type HistoryDependencies = {
  readonly stack: Pick<ControlledStack, 'orderLog' | 'sendsSpans'>;
  readonly spans: Pick<SpanMemory, 'findByOrder'>;
  readonly readEvents: ReadOrderEvents;
};

type History = Pick<ServiceImpl<typeof ControlService>, 'listOrderLog' | 'listOrderSpans' | 'listOrderEvents'>;

/** Creates their implementation. */
export function createHistoryService({ stack, spans, readEvents }: HistoryDependencies): History {
  return {
    listOrderLog: ({ orderId }) => {
      requireOrderId(orderId);
      const lines = stack.orderLog(orderId, MOST_LINES);
      return { lines: lines.map(({ time, ...line }) => ({ ...line, time: timestampFromMs(time) })) };
    },
    listOrderSpans: ({ orderId }) => {
      requireOrderId(orderId);
      return { spans: spans.findByOrder(orderId, MOST_SPANS).map(toSpanMessage), collected: stack.sendsSpans };
    },
    listOrderEvents: async ({ orderId, since, until }) => {
      requireOrderId(orderId);
      if (since === undefined) throw invalidArgument([{ field: 'since', description: 'must be set' }]);
      const end = until === undefined ? new Date() : timestampDate(until);
      const { events, truncated } = await readEvents({ orderId, since: timestampDate(since), until: end });
      return {
        events: events.map(({ time, sequence, ...event }) => ({
          ...event,
          sequence: BigInt(sequence),
          time: timestampFromMs(time),
        })),
        truncated,
      };
    },
  };
}

function requireOrderId(orderId: string): void {
  if (!isUuid(orderId)) throw invalidArgument([{ field: 'order_id', description: 'must be the id of an order' }]);
}
