// Starts a system to be measured, with everything that belongs to it.
import { REPOSITORY_ROOT } from '../../../local/stack/stack-plan.ts';
import type { MeasuredSystem } from '../orders/measure.ts';
import { toMeasuredSystem } from '../orders/measured-platform.ts';
import { startPlatform } from '../orders/platform.ts';
import type { OrderTarget } from '../overload/order-caller.ts';
import { PUBLISH_COUNTERS } from './counted-pool.ts';
import { createDatabase, type Participants, startParticipants } from './participants.ts';
import { findRestateBinary } from './peer-packages.ts';
import { startScript } from './processes.ts';
import { startRestateServer } from './restate-server.ts';
import type { System } from './systems.ts';

/** The connections that DBOS keeps to its system database. */
export const DBOS_CONNECTIONS = 32;

/** What an engine adds to the participants. */
type StartedEngine = Pick<MeasuredSystem, 'target' | 'pids' | 'databaseUrls' | 'publishCounters'>;

export type StartedSystem = MeasuredSystem & AsyncDisposable;

/** Starts a system. `signal` aborts the start. */
export async function startSystem(system: System, signal: AbortSignal): Promise<StartedSystem> {
  await using resources = new AsyncDisposableStack();
  const started = await startWith(resources, system, signal);
  const owned = resources.move();
  return { ...started, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function startWith(
  resources: AsyncDisposableStack,
  system: System,
  signal: AbortSignal,
): Promise<MeasuredSystem> {
  if (system.engine === 'ours') {
    const options = { environment: {}, countsStatements: false };
    return toMeasuredSystem(resources.use(await startPlatform(REPOSITORY_ROOT, options, signal)));
  }
  const participants = resources.use(await startParticipants(system.setting, signal));
  signal.throwIfAborted();
  const engine = await START[system.engine](resources, participants, signal);
  return {
    target: engine.target,
    pids: { ...engine.pids, ...participants.pids },
    databaseUrls: { ...participants.databaseUrls, ...engine.databaseUrls },
    superuserUrl: participants.superuserUrl,
    publishCounters: () => {
      participants.publishCounters?.();
      engine.publishCounters?.();
    },
    settle: participants.settle,
    judge: participants.judge,
  };
}

const START: Readonly<
  Record<
    Exclude<System['engine'], 'ours'>,
    (resources: AsyncDisposableStack, participants: Participants, signal: AbortSignal) => Promise<StartedEngine>
  >
> = {
  loop: async (resources, { addresses }) => {
    const { url, pid } = resources.use(await startScript('endpoints/loop.ts', addresses));
    return { target: { url }, pids: { 'order steps': pid }, databaseUrls: {} };
  },
  dbos: async (resources, { addresses, superuserUrl }) => {
    const databaseUrl = await createDatabase(superuserUrl, 'dbos');
    const settings = {
      ...addresses,
      DBOS_SYSTEM_DATABASE_URL: databaseUrl,
      DBOS_CONNECTIONS: String(DBOS_CONNECTIONS),
    };
    const { url, pid } = resources.use(await startScript('endpoints/dbos.ts', settings));
    return {
      target: { url },
      pids: { 'order steps': pid },
      databaseUrls: { dbos: databaseUrl },
      publishCounters: () => process.kill(pid, PUBLISH_COUNTERS),
    };
  },
  restate: async (resources, { addresses }, signal) => {
    const server = resources.use(await startRestateServer(findRestateBinary(), signal));
    const { url, pid } = resources.use(
      await startScript('endpoints/restate.ts', { ...addresses, RESTATE_LOGGING: 'ERROR' }),
    );
    await server.register(url);
    const target: OrderTarget = { url: server.ingressUrl, path: '/Orders/place', keyHeader: 'idempotency-key' };
    return { target, pids: { 'order steps': pid, 'restate-server': server.pid }, databaseUrls: {} };
  },
};
