// Which of the latest calls ended the service: its end may be noticed one call late.

import { setTimeout as delay } from 'node:timers/promises';
import type { FuzzCall } from './fuzz-call.ts';
import { acceptsConnections, awaitConnections, RESTART_MS } from './service-probe.ts';

/** What the search needs. */
export type CrashSearch = {
  readonly url: string;
  /** The calls that may be the reason, the most likely first. */
  readonly suspects: readonly FuzzCall[];
  send(call: FuzzCall): Promise<unknown>;
};

/** The call that ended the service, and whether the service is back. */
export type CrashReason = {
  readonly call: FuzzCall | undefined;
  readonly isBack: boolean;
};

// The port of a process that ends closes within this time.
const SETTLE_MS = 60;

/** Repeats the latest calls until one ends the service again. The service has to come back by itself each time. */
export async function findCrashReason({ url, suspects, send }: CrashSearch): Promise<CrashReason> {
  for (const call of suspects) {
    if (!(await awaitConnections(url, RESTART_MS))) return { call: undefined, isBack: false };
    await send(call);
    await delay(SETTLE_MS);
    if (!(await acceptsConnections(url))) return { call, isBack: await awaitConnections(url, RESTART_MS) };
  }
  return { call: undefined, isBack: true };
}
