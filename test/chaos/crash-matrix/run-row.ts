// One row of the matrix: a process dies at one point, comes back, and everything the platform promises still holds.
import type { ServiceName } from '#local/shared/topology.ts';
import { pause } from '#services/platform/base/backoff.ts';
import { waitForQuiescence } from '../../support/invariants/invariants.ts';
import type { Fallen } from './control.ts';
import type { Row } from './points.ts';
import { forgetPlanted, PARTS } from './scenario.ts';
import { judge, type Lane, settle, VICTIMS } from './stack-worker.ts';
import type { RowResult } from './table.ts';

const REST_MS = 30_000;
const NOTHING_MORE_MS = 10_000;
const LOOK_MS = 400;
const RESTART_MS = 20_000;
const POLL_MS = 25;
/** The supervisor's wait before a start, from which on it is started at once instead. */
const LONG_DELAY_MS = 1_000;

/** Runs a row on a stack at rest and leaves it at rest. Never throws: what goes wrong is a fault of the row. */
export async function runRow(lane: Lane, row: Row): Promise<RowResult> {
  const pidsBefore = new Map(VICTIMS.map((name) => [name, lane.stack.pid(name)]));
  const linesBefore = lane.output.length;
  const faults: string[] = [];
  let reached: Reached | undefined;
  let recoveredMs: number | undefined;
  try {
    reached = await reachPoint(lane, row);
    await lane.control.disarm(row.service);
    if (reached === undefined) faults.push('the point was not reached: nobody died');
    else await awaitRestart(lane, row.service, linesBefore);
    await lane.desk.place();
    await settle(lane.scene);
    const left = await waitForQuiescence(lane.sources, { timeoutMs: REST_MS });
    if (reached !== undefined && left.length === 0) recoveredMs = Date.now() - reached.fallen.time.getTime();
    await forgetPlanted(lane.scene);
    await lane.desk.askAgain();
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
    await lane.control.disarm(row.service);
  }
  faults.push(...findDeathFaults(lane, row, { fallenPid: reached?.fallen.pid, pidsBefore, linesBefore }));
  const { broken, violations } = await judge(lane);
  return {
    row: reached?.row ?? row,
    died: reached !== undefined,
    recoveredMs,
    broken,
    faults: [...faults, ...violations],
  };
}

/** Who died, and the row as it was reached. */
type Reached = { readonly fallen: Fallen; readonly row: Row };

/**
 * Arms the point and runs its part of the scenario until a process has died: twice on the recorded behalf, then on anyone's, since
 * another may be first to do it by now, and in the end all parts.
 */
async function reachPoint(lane: Lane, row: Row): Promise<Reached | undefined> {
  const { control, desk, scene } = lane;
  const own = PARTS[row.part];
  if (own === undefined) throw new Error(`there is no part "${row.part}"`);
  // A point that idle processes pass too is armed when there is something to do, lest one dies for nothing.
  const isLate = row.idle && row.phase === 'before';
  const tries = [
    { parts: [own], aim: row },
    { parts: [own], aim: row },
    { parts: [own], aim: { ...row, behalf: undefined } },
    { parts: Object.values(PARTS), aim: row },
  ];
  for (const { parts, aim } of tries) {
    let isArmed = false;
    const arm = async (): Promise<void> => {
      if (!isArmed) await control.arm(aim);
      isArmed = true;
    };
    desk.begin(arm);
    if (!isLate) await arm();
    for (const part of parts) {
      await part(scene);
      const fallen = await fallOrRest(lane, row.service);
      if (fallen !== undefined) return { fallen, row: aim };
      await settle(scene);
    }
    const fallen = await fallOrRest(lane, row.service);
    if (fallen !== undefined) return { fallen, row: aim };
    await forgetPlanted(scene);
  }
  return undefined;
}

/** Who falls at the point; undefined when nothing is left to do and nobody has. */
async function fallOrRest({ control, sources }: Lane, service: ServiceName): Promise<Fallen | undefined> {
  const timeIsOver = AbortSignal.timeout(NOTHING_MORE_MS);
  for (;;) {
    const fallen = await control.findFallen(service);
    if (fallen !== undefined) return fallen;
    const left = await waitForQuiescence(sources, { timeoutMs: LOOK_MS });
    if (left.length === 0 || timeIsOver.aborted) return await control.findFallen(service);
  }
}

async function awaitRestart({ stack, output }: Lane, service: ServiceName, linesBefore: number): Promise<void> {
  const timeIsOver = AbortSignal.timeout(RESTART_MS);
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
    if (timeIsOver.aborted) throw new Error(`${service} reached the point, but the supervisor saw no SIGKILL`);
    await pause(POLL_MS, timeIsOver);
  }
  await stack.waitUntilHealthy(service, RESTART_MS);
}

/** Who died without being asked to, or did not die though it said so. */
function findDeathFaults(
  lane: Lane,
  { service }: Row,
  seen: {
    readonly fallenPid: number | undefined;
    readonly pidsBefore: ReadonlyMap<ServiceName, number | undefined>;
    readonly linesBefore: number;
  },
): string[] {
  const { fallenPid, pidsBefore, linesBefore } = seen;
  const faults: string[] = [];
  if (fallenPid !== undefined && fallenPid !== pidsBefore.get(service)) {
    faults.push(`process ${fallenPid} died at the point, ${service} was process ${pidsBefore.get(service)}`);
  }
  const lines = lane.output.slice(linesBefore);
  for (const name of VICTIMS) {
    const deaths = lines.filter((line) => line.startsWith(`stack ${name} `) && line.includes(', next start in '));
    const expected = name === service && fallenPid !== undefined ? 1 : 0;
    if (deaths.length !== expected) faults.push(`${name} died ${deaths.length} times: ${deaths.join('; ')}`);
  }
  return faults;
}
