// One row of the matrix: a process is killed at one point and restarted, and every invariant still holds.
import type { ServiceName } from '#local/shared/topology.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { waitForQuiescence } from '../../support/invariants/invariants.ts';
import type { KilledProcess } from './control.ts';
import type { Row } from './points.ts';
import { discardInjectedEvents, STEPS } from './scenario.ts';
import { judge, type StackWorker, settle, TARGETS } from './stack-worker.ts';
import type { RowResult } from './table.ts';

const QUIESCENCE_LIMIT_MS = 30_000;
const NOT_REACHED_MS = 10_000;
const POLL_QUIESCENCE_MS = 400;
const RESTART_MS = 20_000;
const POLL_MS = 25;
/** A longer restart delay of the supervisor than this is skipped: the service is started at once. */
const LONG_DELAY_MS = 1_000;

/** Runs a row on a quiescent stack and leaves it quiescent. Never throws: an error is a problem of the row. */
export async function runRow(worker: StackWorker, row: Row): Promise<RowResult> {
  const pidsBefore = new Map(TARGETS.map((name) => [name, worker.stack.pid(name)]));
  const linesBefore = worker.output.length;
  const problems: string[] = [];
  let reached: ReachedPoint | undefined;
  let recoveredMs: number | undefined;
  try {
    reached = await reachPoint(worker, row);
    await worker.control.disarm(row.service);
    if (reached === undefined) problems.push('the point was not reached: no process died');
    else await awaitRestart(worker, row.service, linesBefore);
    await worker.client.place();
    await settle(worker.context);
    const left = await waitForQuiescence(worker.sources, { timeoutMs: QUIESCENCE_LIMIT_MS });
    if (reached !== undefined && left.length === 0) recoveredMs = Date.now() - reached.killed.time.getTime();
    await discardInjectedEvents(worker.context);
    await worker.client.retryAll();
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    await worker.control.disarm(row.service);
  }
  problems.push(...findDeathProblems(worker, row, { killedPid: reached?.killed.pid, pidsBefore, linesBefore }));
  const { violated, violations } = await judge(worker);
  return {
    row: reached?.row ?? row,
    died: reached !== undefined,
    recoveredMs,
    violated,
    problems: [...problems, ...violations],
  };
}

/** The killed process, and the row as it was reached. */
type ReachedPoint = { readonly killed: KilledProcess; readonly row: Row };

/**
 * Arms the point and runs its step until a process has died: twice with the recorded origin, then with any origin, because another one
 * may reach the operation first, and finally through all steps.
 */
async function reachPoint(worker: StackWorker, row: Row): Promise<ReachedPoint | undefined> {
  const { control, client, context } = worker;
  const own = STEPS[row.step];
  if (own === undefined) throw new Error(`there is no step "${row.step}"`);
  // A point that idle processes also pass is armed during the step, so that the process dies while it has work.
  const isLate = row.idle && row.phase === 'before';
  const attempts = [
    { steps: [own], target: row },
    { steps: [own], target: row },
    { steps: [own], target: { ...row, origin: undefined } },
    { steps: Object.values(STEPS), target: row },
  ];
  for (const { steps, target } of attempts) {
    let isArmed = false;
    const arm = async (): Promise<void> => {
      if (!isArmed) await control.arm(target);
      isArmed = true;
    };
    client.begin(arm);
    if (!isLate) await arm();
    for (const step of steps) {
      await step(context);
      const killed = await waitForKill(worker, row.service);
      if (killed !== undefined) return { killed, row: target };
      await settle(context);
    }
    const killed = await waitForKill(worker, row.service);
    if (killed !== undefined) return { killed, row: target };
    await discardInjectedEvents(context);
  }
  return undefined;
}

/** Waits for a process to die at the point. Returns undefined when no work is pending and none has. */
async function waitForKill(
  { control, sources }: StackWorker,
  service: ServiceName,
): Promise<KilledProcess | undefined> {
  const timeout = AbortSignal.timeout(NOT_REACHED_MS);
  for (;;) {
    const killed = await control.findKilled(service);
    if (killed !== undefined) return killed;
    const left = await waitForQuiescence(sources, { timeoutMs: POLL_QUIESCENCE_MS });
    if (left.length === 0 || timeout.aborted) return await control.findKilled(service);
  }
}

async function awaitRestart({ stack, output }: StackWorker, service: ServiceName, linesBefore: number): Promise<void> {
  const timeout = AbortSignal.timeout(RESTART_MS);
  const death = new RegExp(`^stack ${service} was killed by SIGKILL, next start in (\\d+) ms$`);
  for (;;) {
    const line = output
      .slice(linesBefore)
      .map((printed) => death.exec(printed))
      .find((found) => found !== null);
    if (line !== undefined && Number(line[1]) > LONG_DELAY_MS) {
      await stack.stop(service);
      await stack.start(service);
    }
    if (line !== undefined) break;
    if (timeout.aborted) throw new Error(`${service} reached the point, but the supervisor saw no SIGKILL`);
    await pause(POLL_MS, timeout);
  }
  await stack.waitUntilHealthy(service, RESTART_MS);
}

/** Describes unexpected deaths, and the missing death of a process that reached the point. */
function findDeathProblems(
  worker: StackWorker,
  { service }: Row,
  seen: {
    readonly killedPid: number | undefined;
    readonly pidsBefore: ReadonlyMap<ServiceName, number | undefined>;
    readonly linesBefore: number;
  },
): string[] {
  const { killedPid, pidsBefore, linesBefore } = seen;
  const problems: string[] = [];
  if (killedPid !== undefined && killedPid !== pidsBefore.get(service)) {
    problems.push(`process ${killedPid} died at the point, ${service} was process ${pidsBefore.get(service)}`);
  }
  const lines = worker.output.slice(linesBefore);
  for (const name of TARGETS) {
    const deaths = lines.filter((line) => line.startsWith(`stack ${name} `) && line.includes(', next start in '));
    const expected = name === service && killedPid !== undefined ? 1 : 0;
    if (deaths.length !== expected) problems.push(`${name} died ${deaths.length} times: ${deaths.join('; ')}`);
  }
  return problems;
}
