// The processor time of processes, from /proc, which exists on Linux only.
import { readdir, readFile } from 'node:fs/promises';

/** The clock ticks per second in /proc: fixed on Linux. */
const TICKS_PER_SECOND = 100;

export type ProcessStat = {
  readonly pid: number;
  readonly parent: number;
  /** Of the process itself. */
  readonly ownMs: number;
  /** Of its children that have ended. */
  readonly endedChildrenMs: number;
};

/** Reads a line of /proc/<pid>/stat. The program's name, in parentheses, may hold spaces and parentheses. */
export function parseStat(line: string): ProcessStat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  // The first of these fields, the state, has number 3 in proc(5).
  const number = (field: number): number => Number(fields[field - 3]);
  const milliseconds = (ticks: number): number => (1_000 * ticks) / TICKS_PER_SECOND;
  return {
    pid: Number.parseInt(line, 10),
    parent: number(4),
    ownMs: milliseconds(number(14) + number(15)),
    endedChildrenMs: milliseconds(number(16) + number(17)),
  };
}

/**
 * Reads the processor time of each named process in milliseconds, user and system. Postgres counts with all its children; no other
 * process here has any that are not named themselves.
 *
 * @throws {Error} a process has ended: its time would be wrong.
 */
export async function readProcessorTimes(pids: Readonly<Record<string, number>>): Promise<Record<string, number>> {
  const stats = await readAllStats();
  const times: Record<string, number> = {};
  for (const [name, pid] of Object.entries(pids)) {
    const stat = stats.get(pid);
    if (stat === undefined) throw new Error(`the process of ${name} has ended during the measurement`);
    times[name] = name === 'postgres' ? totalWithChildren(stat, [...stats.values()]) : stat.ownMs;
  }
  return times;
}

/** The time of a process, of its descendants, and of those that have ended. */
export function totalWithChildren(stat: ProcessStat, all: readonly ProcessStat[]): number {
  const children = all.filter(({ parent }) => parent === stat.pid);
  return children.reduce((sum, child) => sum + totalWithChildren(child, all), stat.ownMs + stat.endedChildrenMs);
}

async function readAllStats(): Promise<Map<number, ProcessStat>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(
    pids.map(async (pid) => {
      // A process may end between the two reads.
      const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
      return line === undefined ? [] : [parseStat(line)];
    }),
  );
  return new Map(stats.flat().map((stat) => [stat.pid, stat]));
}
