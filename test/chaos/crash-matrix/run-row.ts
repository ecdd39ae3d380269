// One row of the matrix: a process dies at one point, comes back, and everything the platform promises still holds.
import type { ServiceName } from '#local/shared/topology.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { waitForQuiescence } from '../../support/invariants/invariants.ts';
import type { KilledProcess } from './control.ts';
import type { Row } from './points.ts';
import { discardInjectedEvents, STEPS } from './scenario.ts';
import { judge, type StackWorker, settle, TARGETS } from './stack-worker.ts';
import type { RowResult } from './table.ts';

const QUIESCENCE_LIMIT_MS = 30_000;
const NOTHING_MORE_MS = 10_000;
const LOOK_MS = 400;
const RESTART_MS = 20_000;
const POLL_MS = 25;
/** The supervisor's wait before a start, from which on it is started at once instead. */
const LONG_DELAY_MS = 1_000;

/** Runs a row on a stack at rest and leaves it at rest. Never throws: what goes wrong is a fault of the row. */
export async function runRow(worker: StackWorker, row: Row): Promise<RowResult> {
  const pidsBefore = new Map(TARGETS.map((name) => [name, worker.stack.pid(name)]));
  const linesBefore = worker.output.length;
  const problems: string[] = [];
  let reached: ReachedPoint | undefined;
  let recoveredMs: number | undefined;
  try {
    reached = await reachPoint(worker, row);
    await worker.control.disarm(row.service);
    if (reached === undefined) problems.push('the point was not reached: nobody died');
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
  const { broken, violations } = await judge(worker);
  return {
    row: reached?.row ?? row,
    died: reached !== undefined,
    recoveredMs,
    broken,
    problems: [...problems, ...violations],
  };
}

/** Who died, and the row as it was reached. */
type ReachedPoint = { readonly killed: KilledProcess; readonly row: Row };

/**
 * Arms the point and runs its step of the scenario until a process has died: twice on the recorded origin, then on anyone's, since
 * another may be first to do it by now, and in the end all steps.
 */
async function reachPoint(worker: StackWorker, row: Row): Promise<ReachedPoint | undefined> {
  const { control, client, context } = worker;
  const own = STEPS[row.step];
  if (own === undefined) throw new Error(`there is no step "${row.step}"`);
  // A point that idle processes pass too is armed when there is something to do, lest one dies for nothing.
  const isLate = row.idle && row.phase === 'before';
  const tries = [
    { steps: [own], aim: row },
    { steps: [own], aim: row },
    { steps: [own], aim: { ...row, origin: undefined } },
    { steps: Object.values(STEPS), aim: row },
  ];
  for (const { steps, aim } of tries) {
    let isArmed = false;
    const arm = async (): Promise<void> => {
      if (!isArmed) await control.arm(aim);
      isArmed = true;
    };
    client.begin(arm);
    if (!isLate) await arm();
    for (const step of steps) {
      await step(context);
      const killed = await waitForKill(worker, row.service);
      if (killed !== undefined) return { killed, row: aim };
      await settle(context);
    }
    const killed = await waitForKill(worker, row.service);
    if (killed !== undefined) return { killed, row: aim };
    await discardInjectedEvents(context);
  }
  return undefined;
}

/** Who falls at the point; undefined when nothing is left to do and nobody has. */
async function waitForKill(
  { control, sources }: StackWorker,
  service: ServiceName,
): Promise<KilledProcess | undefined> {
  const timeout = AbortSignal.timeout(NOTHING_MORE_MS);
  for (;;) {
    const killed = await control.findKilled(service);
    if (killed !== undefined) return killed;
    const left = await waitForQuiescence(sources, { timeoutMs: LOOK_MS });
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

/** Who died without being asked to, or did not die though it said so. */
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
