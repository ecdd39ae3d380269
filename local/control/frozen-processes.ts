// The processes that are frozen by SIGSTOP, until they continue or are other processes.
import { failedPrecondition } from '../../services/platform/base/errors.ts';
import type { ControlledProcess, ControlledStack } from './controlled-stack.ts';

export type FrozenProcesses = {
  has(row: ControlledProcess): boolean;
  /** @throws {DomainError} `failed_precondition` for one that has no process now or cannot be frozen. */
  freeze(row: ControlledProcess): Promise<void>;
  /** Continues it; without effect on one that is not frozen. */
  release(row: ControlledProcess): Promise<void>;
};

/** Creates the record of a stack; nothing is frozen at first. */
export function createFrozenProcesses(stack: Pick<ControlledStack, 'kill'>): FrozenProcesses {
  const frozen = new Map<string, number>();
  const has: FrozenProcesses['has'] = ({ name, pid }) => pid !== undefined && frozen.get(name) === pid;
  return {
    has,
    freeze: async (row) => {
      // The server would stop, its sessions would not.
      if (row.name === 'postgres')
        throw failedPrecondition('CANNOT_PAUSE', 'postgres cannot be frozen: stop it instead');
      const { name, pid } = requireAlive(row);
      await stack.kill(name, 'SIGSTOP');
      frozen.set(name, pid);
    },
    release: async (row) => {
      if (!has(row)) return;
      frozen.delete(row.name);
      await stack.kill(row.name, 'SIGCONT');
    },
  };
}

/** @throws {DomainError} `failed_precondition` for one that has no process now. */
export function requireAlive(row: ControlledProcess): ControlledProcess & { readonly pid: number } {
  const { pid } = row;
  if (pid === undefined) throw failedPrecondition('NOT_RUNNING', `${row.name} has no process now`);
  return { ...row, pid };
}

/** The replicas of a service: `order`, `order-2` and so on. */
export function replicasOf({ rows }: Pick<ControlledStack, 'rows'>, service: string): ControlledProcess[] {
  return rows().filter(({ name }) => name.replace(/-\d+$/, '') === service);
}
