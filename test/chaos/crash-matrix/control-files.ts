// The control files between the matrix and the processes under test, in one folder per stack. Files, because a process may die at any
// moment.
import { join } from 'node:path';

/** The environment variables with the control folder and the name of the service. */
export const CONTROL_VARIABLE = 'CRASH_MATRIX_CONTROL';
export const SERVICE_VARIABLE = 'CRASH_MATRIX_SERVICE';

/** Holds the armed phase and operation as JSON. The process that reaches it renames the file and dies. */
export function armedFile(directory: string, service: string): string {
  return join(directory, `${service}.armed`);
}

/** The name to which the process with this id renames the armed file. */
export function killedFile(directory: string, service: string, pid: number): string {
  return join(directory, `${service}.killed.${pid}`);
}

/** Returns the process id from such a name; undefined for other files and other services. */
export function pidOfKilled(service: string, fileName: string): number | undefined {
  const prefix = `${service}.killed.`;
  return fileName.startsWith(prefix) ? Number(fileName.slice(prefix.length)) : undefined;
}

/** Holds the name of the recorded step; absent without a recording. */
export function recordingFile(directory: string): string {
  return join(directory, 'recording');
}

/** The recorded operations of a service: one JSON object per line. */
export function operationsFile(directory: string, service: string): string {
  return join(directory, `${service}.operations.jsonl`);
}

/** Holds the prefix of the RPC names whose calls are dropped; absent when none are. */
export function droppedCallsFile(directory: string): string {
  return join(directory, 'dropped-calls');
}
