// The faults that experiments share: parts that are away or killed, ways between parts that do harm. Each measures what it did.
import { Socket } from 'node:net';
import type { Fault, FaultHandle, InjectOptions } from '@touchstone/kit';
import type { ProcessName } from '#local/stack/stack.ts';
import type { ActiveFault, ExperimentContext } from './experiment.ts';
import type { LinkName } from './links.ts';
import type { Platform } from './platform.ts';

const KNOCK_TIMEOUT_MS = 2_000;
const BACK_MS = 30_000;

/** Stops a part; the measuredBy knocks at its port. */
export async function stopProcess({ stack }: Platform, part: ProcessName): Promise<ActiveFault> {
  const { address } = stack.rows().find(({ name }) => name === part) ?? { address: '' };
  const wasOpen = await isPortOpen(address);
  // No grace: what has to be put in order is put in order at the next start.
  await stack.stop(part, 0);
  return {
    measureEffect: async () => {
      const isOpen = await isPortOpen(address);
      return {
        count: wasOpen && !isOpen ? 1 : 0,
        seen: `the port of ${part} answered before, and ${isOpen ? 'STILL ANSWERED' : 'refused connections'} while it was away`,
      };
    },
    remove: () => stack.start(part),
  };
}

/** Does harm on some of the ways between parts; the measuredBy is what the proxies really did. */
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
    seen: words.length === 0 ? 'the proxies harmed nothing' : `the proxies did ${words.join('; ')}`,
  };
}

function sum(handles: readonly { handle: FaultHandle }[]): number {
  return handles.reduce((total, { handle }) => total + handle.hits, 0);
}

/** The fault of a part that dies, however: the measuredBy counts how often it was started again. */
export function watchRestarts({ stack }: Platform, part: ProcessName): ActiveFault {
  const before = { pid: stack.pid(part), restarts: stack.restarts(part) };
  return {
    measureEffect: async () => {
      await stack.waitUntilHealthy(part);
      const count = stack.restarts(part) - before.restarts;
      return {
        count,
        seen: `${part} was started again ${count} times: process ${before.pid} is now ${stack.pid(part)}`,
      };
    },
    remove: () => stack.waitUntilHealthy(part),
  };
}

/** SIGKILLs a part again and again, at moments that chance draws; notes how long it took to be back each time. */
export async function killRepeatedly(
  { subject: { stack }, random, wait, check }: ExperimentContext,
  part: ProcessName,
  times: number,
): Promise<void> {
  const tookMs: number[] = [];
  while (tookMs.length < times) {
    await wait(random.integer(300, 1_500));
    const startMs = performance.now();
    await stack.kill(part);
    await stack.waitUntilHealthy(part);
    tookMs.push(performance.now() - startMs);
  }
  check(`${part} is back within ${BACK_MS / 1_000} s each time`, {
    holds: tookMs.every((took) => took < BACK_MS),
    seen: tookMs.map((took) => `${(took / 1_000).toFixed(1)} s`).join(', '),
  });
}

/** Whether something takes a TCP connection at `http://host:port` or `host:port`. */
function isPortOpen(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = new Socket();
  socket.setTimeout(KNOCK_TIMEOUT_MS, () => socket.destroy());
  socket.once('connect', () => {
    resolve(true);
    socket.destroy();
  });
  // Nobody is there: the close that follows says so.
  socket.once('error', () => resolve(false));
  socket.once('close', () => resolve(false));
  socket.connect(Number(port), hostname);
  return promise;
}
