// Inside the process under test: records what passes the wrapped ports, and kills the process by SIGKILL at the armed point.
import { appendFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import process from 'node:process';
import { currentOperation } from '#services/platform/observability/tracing.ts';
import { armedFile, droppedCallsFile, killedFile, operationsFile, recordingFile } from './control-files.ts';
import { isMatch, type Operation, type OperationKind, type OperationPattern, type Phase, shortName } from './labels.ts';

export type Trigger = {
  /** The operation of this kind and name, on origin of whoever the process now works for. */
  operation(kind: OperationKind, name: string): Operation;
  /** An operation is about to be done. Does not return when it is the armed point. */
  before(operation: Operation): void;
  /**
   * An operation was done; `effective` tells whether it changed anything. `settle` makes sure that it has left the process.
   * At the armed point the process does not live on, or only until `settle` is done.
   */
  after(operation: Operation, effective: boolean, settle?: () => Promise<void>): void;
  /** Whether calls of this RPC get lost now. */
  isDropped(rpc: string): boolean;
};

/** Makes the trigger of a process: the service it is, and the folder it is steered by. */
export function createTrigger(directory: string, service: string): Trigger {
  const armed = armedFile(directory, service);

  const isArmed = (phase: Phase, operation: Operation): boolean => {
    if (!existsSync(armed)) return false;
    const point = JSON.parse(readFileSync(armed, 'utf8')) as OperationPattern & { readonly phase: Phase };
    return point.phase === phase && isMatch(point, operation);
  };

  // Renaming is what proves that this process came here, and what keeps its successor alive.
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
      // A rejection nobody catches ends the process too, but not by SIGKILL: the row is red then.
      else void settle().then(die);
    },
    isDropped: (rpc) =>
      existsSync(droppedCallsFile(directory)) && rpc.startsWith(readFileSync(droppedCallsFile(directory), 'utf8')),
  };
}
