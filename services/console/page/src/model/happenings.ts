// What happened to the platform between two looks at it: the history beside the map.
import { ProcessState } from '#gen/local/control/v1/control_pb.ts';
import type { QueueLengths } from './queues.ts';

export type Look = {
  readonly processes: readonly { readonly name: string; readonly state: ProcessState; readonly restarts: number }[];
  readonly breakers: readonly { readonly from: string; readonly to: string; readonly state: string }[];
  readonly queues: readonly ({ readonly process: string } & QueueLengths)[];
};

export type Happening = { readonly text: string; readonly tone: 'good' | 'wait' | 'bad' };

const STATE_TEXTS: Partial<Record<ProcessState, Happening>> = {
  [ProcessState.HEALTHY]: { text: 'is healthy again', tone: 'good' },
  [ProcessState.STARTING]: { text: 'is starting', tone: 'wait' },
  [ProcessState.DOWN]: { text: 'has died', tone: 'bad' },
  [ProcessState.STOPPED]: { text: 'is stopped', tone: 'bad' },
  [ProcessState.PAUSED]: { text: 'is frozen', tone: 'bad' },
};
const BREAKER_TEXTS: Readonly<Record<string, Happening>> = {
  open: { text: 'is open: calls are refused at once', tone: 'bad' },
  half_open: { text: 'lets one call through as a probe', tone: 'wait' },
  closed: { text: 'is closed again', tone: 'good' },
};

/** From so many events on, a queue is long. */
const LONG = 50;
const QUEUE_TEXTS = [
  { kind: 'waiting', long: 'events wait for', short: 'the queue of' },
  { kind: 'outbox', long: 'events wait in the outbox of', short: 'the outbox of' },
] as const;

/** The changes from one look to the next. A process that died and recovered in between shows by its count of restarts. */
export function happeningsBetween(before: Look, after: Look): Happening[] {
  const processes = after.processes.flatMap(({ name, state, restarts }): Happening[] => {
    const earlier = before.processes.find((known) => known.name === name);
    if (earlier === undefined) return [];
    const missedDeath =
      restarts > earlier.restarts && earlier.state === ProcessState.HEALTHY && state !== ProcessState.DOWN;
    const died: Happening[] = missedDeath ? [{ text: `${name} has died`, tone: 'bad' }] : [];
    const change = STATE_TEXTS[state];
    if (change === undefined || (state === earlier.state && !missedDeath)) return died;
    return [...died, { ...change, text: `${name} ${change.text}` }];
  });
  const breakers = after.breakers.flatMap(({ from, to, state }): Happening[] => {
    const earlier = before.breakers.find((known) => known.from === from && known.to === to);
    const change = BREAKER_TEXTS[state];
    if (earlier === undefined || earlier.state === state || change === undefined) return [];
    return [{ ...change, text: `the breaker of ${from} to ${to} ${change.text}` }];
  });
  return [...processes, ...breakers, ...queuesBetween(before, after)];
}

function queuesBetween(before: Look, after: Look): Happening[] {
  return after.queues.flatMap((queue) => {
    const earlier = before.queues.find((known) => known.process === queue.process);
    return QUEUE_TEXTS.flatMap(({ kind, long, short }): Happening[] => {
      const [was, is] = [(earlier?.[kind] ?? 0) >= LONG, queue[kind] >= LONG];
      if (was === is) return [];
      if (is) return [{ text: `${queue[kind]} ${long} ${queue.process}`, tone: 'wait' }];
      return [{ text: `${short} ${queue.process} is worked off`, tone: 'good' }];
    });
  });
}
