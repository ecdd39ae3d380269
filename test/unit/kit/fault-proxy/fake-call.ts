// A call without a connection that records what comes out of its pipes and what faults do to it.

import type { Chunk } from '../../../../packages/kit/fault-proxy/core/chunk.ts';
import type { Direction, Fault, FaultTarget, ProxiedCall } from '../../../../packages/kit/fault-proxy/core/fault.ts';
import { Pipe } from '../../../../packages/kit/fault-proxy/core/pipe.ts';
import { InjectedFault, type InjectOptions } from '../../../../packages/kit/fault-proxy/injected-fault.ts';

export type FakeCall = {
  readonly target: ProxiedCall;
  /** What came out of both pipes and what faults did, in order, as text. */
  readonly events: string[];
  /** Sends a head, the parts of a body and the end through a pipe. */
  send(direction: Direction, ...bodies: string[]): void;
  /** Makes the client close its side. */
  leave(): void;
};

export function createFakeCall(rpc = 'box.v1.BoxService/Open', scope: 'call' | 'connection' = 'call'): FakeCall {
  const events: string[] = [];
  const listeners: (() => void)[] = [];
  const createPipe = (direction: Direction) => new Pipe((chunk) => events.push(`${direction} ${textOf(chunk)}`));
  const pipes = { up: createPipe('up'), down: createPipe('down') };
  const base: Omit<FaultTarget, 'scope' | 'connection'> = {
    pipes,
    isOver: false,
    reset: (code) => void events.push(`reset ${code}`),
    close: () => void events.push('close'),
    truncate: (direction, chunk, keptBytes) =>
      void events.push(`truncate ${direction} ${textOf(chunk)} at ${keptBytes}`),
    onClientClosed: (listener) => void listeners.push(listener),
    drop: () => void events.push('drop'),
  };
  const connection = { ...base, scope: 'connection', reset: (code: number) => void events.push(`reset all ${code}`) };
  const target = {
    ...base,
    scope,
    rpc,
    protocol: 'http2',
    connection: connection as unknown as FaultTarget,
    answer: (status: number) => void events.push(`answer ${status}`),
    goAway: (code: number, refuses: boolean) => events.push(`goaway ${code} ${refuses}`) > 0,
  } as ProxiedCall;
  return {
    target,
    events,
    send(direction, ...bodies) {
      pipes[direction].push({ kind: 'head', payload: Buffer.alloc(0), isLast: false });
      for (const body of bodies) pipes[direction].push(bodyOf(body));
      pipes[direction].push(bodyOf('', true));
    },
    leave() {
      for (const listener of listeners) listener();
    },
  };
}

export function bodyOf(text: string, isLast = false): Chunk {
  return { kind: 'body', payload: Buffer.from(text), isLast };
}

export function textOf({ kind, payload, isLast }: Chunk): string {
  return `${kind === 'body' ? payload.toString() : kind}${isLast ? '.' : ''}`;
}

/** Switches a fault on without a proxy. */
export function createInjectedFault(
  fault: Fault,
  options: InjectOptions = {},
  seed = 1,
  sequenceNumber = 1,
): InjectedFault {
  return new InjectedFault(fault, { options, seed, sequenceNumber, onRemove: () => undefined });
}
