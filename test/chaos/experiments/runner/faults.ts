// The faults that experiments share: stopped and killed processes, and faults on links. Each measures its own effect.
import { Socket } from 'node:net';
import type { Fault, FaultHandle, InjectOptions } from '@touchstone/kit';
import type { ProcessName } from '#local/stack/stack.ts';
import type { ActiveFault, ExperimentContext } from './experiment.ts';
import type { LinkName } from './links.ts';
import type { Platform } from './platform.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const RECOVERY_LIMIT_MS = 30_000;

/** Stops a process. The effect is measured by connecting to its port. */
export async function stopProcess({ stack }: Platform, process: ProcessName): Promise<ActiveFault> {
  const { address } = stack.rows().find(({ name }) => name === process) ?? { address: '' };
  const wasOpen = await isPortOpen(address);
  // Without a grace period: the process has to recover at its next start.
  await stack.stop(process, 0);
  return {
    measureEffect: async () => {
      const isOpen = await isPortOpen(address);
      return {
        count: wasOpen && !isOpen ? 1 : 0,
        seen: `the port of ${process} accepted connections before, and ${isOpen ? 'STILL ACCEPTED THEM' : 'refused them'} during the fault`,
      };
    },
    remove: () => stack.start(process),
  };
}

/** Injects faults on some links. The effect is the number of hits that the proxies count. */
export function injectOnLinks(
  platform: Platform,
  links: readonly LinkName[],
  faults: readonly { readonly fault: Fault; readonly options?: InjectOptions }[],
): ActiveFault {
  const handles = links.flatMap((name) =>
    faults.map(({ fault, options }) => ({ name, handle: platform.link(name).inject(fault, options) })),
  );
  return {
    measureEffect: () => countHits(handles),
    remove: async () => {
      for (const { handle } of handles) handle.remove();
    },
  };
}

function countHits(handles: readonly { name: LinkName; handle: FaultHandle }[]) {
  const words = [...Map.groupBy(handles, ({ handle }) => handle.name)].flatMap(([fault, alike]) => {
    const hit = alike.filter(({ handle }) => handle.hits > 0);
    if (hit.length === 0) return [];
    return [`${fault} ${sum(hit)} times (${hit.map(({ name, handle }) => `${name} ${handle.hits}`).join(', ')})`];
  });
  return {
    count: sum(handles),
    seen: words.length === 0 ? 'the proxies affected nothing' : `the proxies applied ${words.join('; ')}`,
  };
}

function sum(handles: readonly { handle: FaultHandle }[]): number {
  return handles.reduce((total, { handle }) => total + handle.hits, 0);
}

/** The fault of a process that dies for any reason. The effect is the number of restarts. */
export function watchRestarts({ stack }: Platform, process: ProcessName): ActiveFault {
  const before = { pid: stack.pid(process), restarts: stack.restarts(process) };
  return {
    measureEffect: async () => {
      await stack.waitUntilHealthy(process);
      const count = stack.restarts(process) - before.restarts;
      return {
        count,
        seen: `${process} was restarted ${count} times: process ${before.pid} is now ${stack.pid(process)}`,
      };
    },
    remove: () => stack.waitUntilHealthy(process),
  };
}

/** SIGKILLs a process several times at random moments, and checks its recovery time each time. */
export async function killRepeatedly(
  { subject: { stack }, random, wait, check }: ExperimentContext,
  process: ProcessName,
  times: number,
): Promise<void> {
  const tookMs: number[] = [];
  while (tookMs.length < times) {
    await wait(random.integer(300, 1_500));
    const startMs = performance.now();
    await stack.kill(process);
    await stack.waitUntilHealthy(process);
    tookMs.push(performance.now() - startMs);
  }
  check(`${process} recovers within ${RECOVERY_LIMIT_MS / 1_000} s each time`, {
    holds: tookMs.every((took) => took < RECOVERY_LIMIT_MS),
    seen: tookMs.map((took) => `${(took / 1_000).toFixed(1)} s`).join(', '),
  });
}

/** Whether a TCP connection to `http://host:port` or `host:port` is accepted. */
function isPortOpen(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = new Socket();
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
  socket.once('connect', () => {
    resolve(true);
    socket.destroy();
  });
  socket.once('error', () => resolve(false));
  socket.once('close', () => resolve(false));
  socket.connect(Number(port), hostname);
  return promise;
}
