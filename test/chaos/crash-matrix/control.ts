// The matrix's side of the control files: arms a point, sees who fell at it, records, loses calls.
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { ServiceName } from '#local/shared/topology.ts';
import {
  armedFile,
  droppedCallsFile,
  killedFile,
  operationsFile,
  pidOfKilled,
  recordingFile,
} from './control-files.ts';
import type { Recorded, Row } from './points.ts';

export type KilledProcess = { readonly pid: number; readonly time: Date };

export class Control {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Arms a row's point: its service dies at the next occurrence, once. */
  async arm(row: Row): Promise<void> {
    const { service, phase, kind, origin, name } = row;
    await this.#put(armedFile(this.directory, service), JSON.stringify({ phase, kind, origin, name }));
  }

  /** Takes back what nobody fell at, and forgets who fell. */
  async disarm(service: ServiceName): Promise<void> {
    await rm(armedFile(this.directory, service), { force: true });
    const killed = await this.findKilled(service);
    if (killed !== undefined) await rm(killedFile(this.directory, service, killed.pid), { force: true });
  }

  /** The process that died at the armed point, and when; undefined while none has. */
  async findKilled(service: ServiceName): Promise<KilledProcess | undefined> {
    for (const name of await readdir(this.directory)) {
      const pid = pidOfKilled(service, name);
      if (pid === undefined) continue;
      // Renaming is the last thing it did.
      const { ctime } = await stat(killedFile(this.directory, service, pid));
      return { pid, time: ctime };
    }
    return undefined;
  }

  /** Records what passes the ports from now on, as belonging to a step. */
  async record(step: string): Promise<void> {
    await this.#put(recordingFile(this.directory), step);
  }

  /** Ends the recording; returns it and keeps nothing. */
  async takeRecording(services: readonly ServiceName[]): Promise<Recorded[]> {
    await rm(recordingFile(this.directory), { force: true });
    const recorded: Recorded[] = [];
    for (const service of services) {
      const file = operationsFile(this.directory, service);
      const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
      recorded.push(...lines.map((line) => JSON.parse(line) as Recorded));
      await rm(file);
    }
    return recorded;
  }

  /** Loses every call of RPCs whose names begin so, until `restoreCalls`. */
  async dropCalls(prefix: string): Promise<void> {
    await this.#put(droppedCallsFile(this.directory), prefix);
  }

  async restoreCalls(): Promise<void> {
    await rm(droppedCallsFile(this.directory), { force: true });
  }

  /** Renamed into place: nobody ever reads half of it. */
  async #put(file: string, content: string): Promise<void> {
    await writeFile(`${file}.new`, content);
    await rename(`${file}.new`, file);
  }
}
