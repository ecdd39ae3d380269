// What works off which queue, and how it is held: consumers are frozen; the outbox of the order service fills while its link to the broker
// is cut, because the service itself has to go on.
import { LinkFault } from '#gen/local/control/v1/control_pb.ts';
import type { ControlledStack } from './controlled-stack.ts';
import type { FaultLinks } from './fault-links.ts';
import { type FrozenProcesses, replicasOf } from './frozen-processes.ts';
import type { Hold } from './queue-fill.ts';

/** Their orders are placed and confirmed while they do nothing. */
const CONSUMERS = ['notification', 'analytics'];
const PRODUCER = 'order';
const BROKER = 'nats';

export type QueueHoldsOptions = {
  readonly stack: Pick<ControlledStack, 'rows'>;
  readonly frozen: FrozenProcesses;
  readonly links: Pick<FaultLinks, 'list' | 'set'>;
};

/** The holds of a stack's queues, by the process whose queue it is. */
export function createQueueHolds({ stack, frozen, links }: QueueHoldsOptions): Record<string, Hold> {
  const freeze = (service: string): Hold => ({
    hold: async () => {
      for (const row of replicasOf(stack, service)) await frozen.freeze(row);
    },
    release: async () => {
      for (const row of replicasOf(stack, service)) await frozen.release(row);
    },
    isHeld: () => replicasOf(stack, service).some(frozen.has),
  });
  const cut: Hold = {
    hold: () => links.set(PRODUCER, BROKER, LinkFault.CUT),
    release: () => links.set(PRODUCER, BROKER, LinkFault.UNSPECIFIED),
    isHeld: () =>
      links.list().some(({ from, to, fault }) => from === PRODUCER && to === BROKER && fault === LinkFault.CUT),
  };
  return { [PRODUCER]: cut, ...Object.fromEntries(CONSUMERS.map((service) => [service, freeze(service)])) };
}
