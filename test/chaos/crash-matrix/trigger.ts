// The trigger inside the process under test: records the operations of the wrapped clients, and SIGKILLs the process at the armed point.
import { appendFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import process from 'node:process';
import { currentOperation } from '#services/platform/observability/tracing.ts';
import { armedFile, droppedCallsFile, killedFile, operationsFile, recordingFile } from './control-files.ts';
import { isMatch, type Operation, type OperationKind, type OperationPattern, type Phase, shortName } from './labels.ts';

export type Trigger = {
  /** Builds an operation of this kind and name, with the current origin. */
  operation(kind: OperationKind, name: string): Operation;
  /** Called before an operation. Does not return at the armed point. */
  before(operation: Operation): void;
  /**
   * Called after an operation; `effective` says whether it changed anything. `settle` waits until it has left the process. At the
   * armed point the process dies, at the latest after `settle`.
   */
  after(operation: Operation, effective: boolean, settle?: () => Promise<void>): void;
  /** Whether calls of this RPC are dropped now. */
  isDropped(rpc: string): boolean;
};

/** Creates the trigger of a service process. `directory` holds its control files. */
export function createTrigger(directory: string, service: string): Trigger {
  const armed = armedFile(directory, service);

  const isArmed = (phase: Phase, operation: Operation): boolean => {
    if (!existsSync(armed)) return false;
    const point = JSON.parse(readFileSync(armed, 'utf8')) as OperationPattern & { readonly phase: Phase };
    return point.phase === phase && isMatch(point, operation);
  };

  // The rename proves that this process reached the point, and disarms it, so that the restarted process stays alive.
  const die = (): void => {
    renameSync(armed, killedFile(directory, service, process.pid));
    process.kill(process.pid, 'SIGKILL');
  };

  const record = (operation: Operation, effective: boolean): void => {
    if (!existsSync(recordingFile(directory))) return;
    const step = readFileSync(recordingFile(directory), 'utf8');
    const line = JSON.stringify({ service, step, ...operation, effective });
    appendFileSync(operationsFile(directory, service), `${line}\n`);
  };

  return {
    operation: (kind, name) => ({ kind, origin: shortName(currentOperation() ?? ''), name }),
    before: (operation) => {
      if (isArmed('before', operation)) die();
    },
    after: (operation, effective, settle) => {
      record(operation, effective);
      if (!effective || !isArmed('after', operation)) return;
      if (settle === undefined) die();
      // An unhandled rejection also ends the process, but not by SIGKILL, so the row turns red.
      else void settle().then(die);
    },
    isDropped: (rpc) =>
      existsSync(droppedCallsFile(directory)) && rpc.startsWith(readFileSync(droppedCallsFile(directory), 'utf8')),
  };
}
