// The implementation of ControlService, over a running stack.
import type { ServiceImpl } from '@connectrpc/connect';
import { type ControlService, ProcessState } from '#gen/local/control/v1/control_pb.ts';
import {
  DomainError,
  describeError,
  failedPrecondition,
  invalidArgument,
  notFound,
} from '../../services/platform/base/errors.ts';
import { type CheckDependencies, createChecksService } from './checks-service.ts';
import type { ControlledProcess, ControlledStack } from './controlled-stack.ts';
import type { FaultLinks } from './fault-links.ts';
import { type FrozenProcesses, requireAlive } from './frozen-processes.ts';
import { createHistoryService, type HistoryDependencies } from './history-service.ts';
import type { JudgeInvariants } from './invariant-judge.ts';
import { createQueuesService, type QueueDependencies, toQueueFillMessage } from './queues-service.ts';
import { MAX_RATE, type Traffic } from './traffic.ts';

const STATES: Readonly<Record<ControlledProcess['health'], ProcessState>> = {
  healthy: ProcessState.HEALTHY,
  starting: ProcessState.STARTING,
  waiting: ProcessState.DOWN,
  stopped: ProcessState.STOPPED,
  external: ProcessState.EXTERNAL,
};
/** The page is served by it, and its pause would need another page to end. */
const SELF = 'console';

export type ControlDependencies = HistoryDependencies &
  CheckDependencies &
  QueueDependencies & {
    readonly stack: ControlledStack;
    readonly frozen: FrozenProcesses;
    readonly links: FaultLinks;
    readonly judge: JudgeInvariants;
    readonly traffic: Traffic;
  };

/** Creates the implementation. */
export function createControlService(dependencies: ControlDependencies): ServiceImpl<typeof ControlService> {
  const { stack, frozen, links, judge, traffic, queueFill } = dependencies;
  const start = async (name: string): Promise<void> => {
    await stack.start(name).catch((error: unknown) => {
      throw new DomainError({
        kind: 'unavailable',
        reason: 'NOT_HEALTHY',
        message: describeError(error),
        cause: error,
      });
    });
  };

  return {
    listProcesses: () => ({
      processes: stack.rows().map((row) => ({
        name: row.name,
        address: row.address,
        pid: row.pid ?? 0,
        state: frozen.has(row) ? ProcessState.PAUSED : STATES[row.health],
        restarts: row.restarts,
        fillable: row.health !== 'external' && queueFill.canFill(row.name),
      })),
      links: links.list(),
      ...toQueueFillMessage(queueFill.state()),
    }),
    killProcess: async ({ process }) => {
      const row = requireOther(findOwn(stack, process));
      requireAlive(row);
      await stack.kill(row.name, 'SIGKILL');
      return {};
    },
    stopProcess: async ({ process }) => {
      const row = requireOther(findOwn(stack, process));
      await frozen.release(row); // A frozen process would not hear that it is to stop.
      await stack.stop(row.name);
      return {};
    },
    startProcess: async ({ process }) => {
      await start(findOwn(stack, process).name);
      return {};
    },
    pauseProcess: async ({ process }) => {
      await frozen.freeze(requireOther(findOwn(stack, process)));
      return {};
    },
    resumeProcess: async ({ process }) => {
      await frozen.release(findOwn(stack, process));
      return {};
    },
    setLinkFault: async ({ from, to, fault }) => {
      await links.set(from, to, fault);
      return {};
    },
    heal: async () => {
      // What holds the queue is frozen or cut, and healed with all else.
      queueFill.cancel();
      const rows = stack.rows();
      const paused = rows.filter(frozen.has);
      const stopped = rows.filter(({ health }) => health === 'stopped');
      await Promise.all(paused.map(frozen.release));
      await Promise.all(stopped.map(({ name }) => start(name)));
      return { healed: [...[...paused, ...stopped].map(({ name }) => name), ...(await links.heal())] };
    },
    judgeInvariants: () => judge(),
    ...createHistoryService(dependencies),
    ...createChecksService(dependencies),
    ...createQueuesService(dependencies),
    getTraffic: () => ({ traffic: traffic.state() }),
    setTraffic: ({ ordersPerSecond }) => {
      if (!(ordersPerSecond >= 0 && ordersPerSecond <= MAX_RATE)) {
        throw invalidArgument([{ field: 'orders_per_second', description: `must be from 0 to ${MAX_RATE}` }]);
      }
      return { traffic: traffic.set(ordersPerSecond) };
    },
  };
}

function findOwn(stack: ControlledStack, name: string): ControlledProcess {
  const row = stack.rows().find((known) => known.name === name);
  if (row === undefined || row.health === 'external')
    throw notFound('PROCESS_UNKNOWN', 'this stack has no process of that name');
  return row;
}

function requireOther(row: ControlledProcess): ControlledProcess {
  if (row.name !== SELF) return row;
  throw failedPrecondition('CANNOT_STOP', 'the console cannot stop itself');
}
