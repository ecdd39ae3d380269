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
import { createHistoryService, type HistoryDependencies } from './history-service.ts';
import type { JudgeInvariants } from './invariant-judge.ts';
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
  CheckDependencies & {
    readonly stack: ControlledStack;
    readonly links: FaultLinks;
    readonly judge: JudgeInvariants;
    readonly traffic: Traffic;
  };

/** Creates the implementation. */
export function createControlService(dependencies: ControlDependencies): ServiceImpl<typeof ControlService> {
  const { stack, links, judge, traffic } = dependencies;
  const paused = new Map<string, number>();
  const isPaused = ({ name, pid }: ControlledProcess): boolean => pid !== undefined && paused.get(name) === pid;

  const resume = async (row: ControlledProcess): Promise<void> => {
    if (!isPaused(row)) return;
    paused.delete(row.name);
    await stack.kill(row.name, 'SIGCONT');
  };
  const pause = async (row: ControlledProcess): Promise<void> => {
    // The server would stop, its sessions would not.
    if (row.name === 'postgres') throw failedPrecondition('CANNOT_PAUSE', 'postgres cannot be frozen: stop it instead');
    const { pid } = requireAlive(row);
    await stack.kill(row.name, 'SIGSTOP');
    paused.set(row.name, pid);
  };
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
        state: isPaused(row) ? ProcessState.PAUSED : STATES[row.health],
        restarts: row.restarts,
      })),
      links: links.list(),
    }),
    killProcess: async ({ process }) => {
      const row = requireOther(findOwn(stack, process));
      requireAlive(row);
      await stack.kill(row.name, 'SIGKILL');
      return {};
    },
    stopProcess: async ({ process }) => {
      const row = requireOther(findOwn(stack, process));
      await resume(row); // A frozen process would not hear that it is to stop.
      await stack.stop(row.name);
      return {};
    },
    startProcess: async ({ process }) => {
      await start(findOwn(stack, process).name);
      return {};
    },
    pauseProcess: async ({ process }) => {
      await pause(requireOther(findOwn(stack, process)));
      return {};
    },
    resumeProcess: async ({ process }) => {
      await resume(findOwn(stack, process));
      return {};
    },
    setLinkFault: async ({ from, to, fault }) => {
      await links.set(from, to, fault);
      return {};
    },
    heal: async () => {
      const rows = stack.rows();
      const frozen = rows.filter(isPaused);
      const stopped = rows.filter(({ health }) => health === 'stopped');
      await Promise.all(frozen.map(resume));
      await Promise.all(stopped.map(({ name }) => start(name)));
      return { healed: [...[...frozen, ...stopped].map(({ name }) => name), ...(await links.heal())] };
    },
    judgeInvariants: () => judge(),
    ...createHistoryService(dependencies),
    ...createChecksService(dependencies),
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

function requireAlive(row: ControlledProcess): ControlledProcess & { readonly pid: number } {
  const { pid } = row;
  if (pid === undefined) throw failedPrecondition('NOT_RUNNING', `${row.name} has no process now`);
  return { ...row, pid };
}
