// The files by which the matrix and the process under test speak: one folder a stack. Files, because one side dies in mid-sentence.
import { join } from 'node:path';

/** The settings that tell a process which folder is its own, and which service it is. */
export const CONTROL_VARIABLE = 'CRASH_MATRIX_CONTROL';
export const SERVICE_VARIABLE = 'CRASH_MATRIX_SERVICE';

/** Holds the phase and the operation as JSON; the process that finds itself there renames it and dies. */
export function armedFile(directory: string, service: string): string {
  return join(directory, `${service}.armed`);
}

/** What the armed file was renamed to by the process of this id. */
export function killedFile(directory: string, service: string, pid: number): string {
  return join(directory, `${service}.killed.${pid}`);
}

/** The id of the process that left a file of this name; undefined when it is another file, or another service's. */
export function pidOfKilled(service: string, fileName: string): number | undefined {
  const prefix = `${service}.killed.`;
  return fileName.startsWith(prefix) ? Number(fileName.slice(prefix.length)) : undefined;
}

/** Holds the step of the scenario that is being recorded; absent while nothing is. */
export function recordingFile(directory: string): string {
  return join(directory, 'recording');
}

/** What a service recorded: one JSON object a line. */
export function operationsFile(directory: string, service: string): string {
  return join(directory, `${service}.operations.jsonl`);
}

/** Holds the beginning of the RPC names whose calls get lost before they are sent; absent while none do. */
export function droppedCallsFile(directory: string): string {
  return join(directory, 'lost-calls');
}
