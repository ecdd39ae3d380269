// A call without a connection: what comes out of its lanes and what is done to it is written down.
import type { CallPort, Direction, TargetPort } from '../../../../packages/kit/fault-proxy/core/fault.ts';
import { Lane } from '../../../../packages/kit/fault-proxy/core/pipe.ts';
import type { Piece } from '../../../../packages/kit/fault-proxy/core/stage.ts';

export interface FakeCall {
  readonly port: CallPort;
  /** What came out of both lanes and what was done, in order, as text. */
  readonly events: string[];
  /** Sends a head, the body's parts and the end through a lane. */
  send(direction: Direction, ...bodies: string[]): void;
  leave(): void;
}

export function createFakeCall(rpc = 'box.v1.BoxService/Open', scope: 'call' | 'connection' = 'call'): FakeCall {
  const events: string[] = [];
  const listeners: (() => void)[] = [];
  const createLane = (direction: Direction) => new Lane((piece) => events.push(`${direction} ${textOf(piece)}`));
  const lanes = { up: createLane('up'), down: createLane('down') };
  const base: Omit<TargetPort, 'scope' | 'connection'> = {
    lanes,
    isOver: false,
    reset: (code) => void events.push(`reset ${code}`),
    close: () => void events.push('close'),
    tear: (direction, piece, keptBytes) => void events.push(`tear ${direction} ${textOf(piece)} at ${keptBytes}`),
    onClientGone: (listener) => void listeners.push(listener),
    drop: () => void events.push('drop'),
  };
  const connection = { ...base, scope: 'connection', reset: (code: number) => void events.push(`reset all ${code}`) };
  const port = {
    ...base,
    scope,
    rpc,
    protocol: 'http2',
    connection: connection as unknown as TargetPort,
    answer: (status: number) => void events.push(`answer ${status}`),
    goAway: (code: number, refuses: boolean) => events.push(`goaway ${code} ${refuses}`) > 0,
  } as CallPort;
  return {
    port,
    events,
    send(direction, ...bodies) {
      lanes[direction].push({ kind: 'head', payload: Buffer.alloc(0), isLast: false });
      for (const body of bodies) lanes[direction].push(bodyOf(body));
      lanes[direction].push(bodyOf('', true));
    },
    leave() {
      for (const listener of listeners) listener();
    },
  };
}

export function bodyOf(text: string, isLast = false): Piece {
  return { kind: 'body', payload: Buffer.from(text), isLast };
}

export function textOf({ kind, payload, isLast }: Piece): string {
  return `${kind === 'body' ? payload.toString() : kind}${isLast ? '.' : ''}`;
}
