// A relay stands between the two sockets of a connection and knows what they speak, so that faults can hit single calls.

import type { CallPort, Direction } from './fault.ts';
import type { Piece } from './stage.ts';

export interface Relay {
  /** Takes bytes that one side sent. */
  take(direction: Direction, bytes: Buffer): void;
  /** One side has sent its last byte. */
  end(direction: Direction): void;
  /** The bytes it holds of one direction. */
  heldBytes(direction: Direction): number;
  /** The connection is gone. */
  close(): void;
}

/** What a relay needs of its connection. */
export interface RelayPort {
  /** Sends on, through the faults that hit the connection. */
  send(direction: Direction, piece: Piece): void;
  /** Sends bytes that do not end the direction. */
  sendBytes(direction: Direction, bytes: Buffer): void;
  /** Offers a call to the faults before any of it is sent on. */
  offer(call: CallPort): void;
  /** The held bytes may have changed. */
  settle(direction: Direction): void;
  reset(): void;
  /** Sends bytes past all faults, and ends the connection after them. */
  tearBytes(direction: Direction, bytes: Buffer): void;
  /** Ends the connection towards the client, after what was sent, and drops it towards the upstream service. */
  close(): void;
  readonly connection: CallPort['connection'];
  /** How many bytes may be held in one direction before its source is read no further. */
  readonly maxHeldBytes: number;
}

/** Passes everything as it is. */
export function createTcpRelay(port: RelayPort): Relay {
  return {
    take: (direction, bytes) => port.sendBytes(direction, bytes),
    end: (direction) => port.send(direction, { kind: 'body', payload: Buffer.alloc(0), isLast: true }),
    heldBytes: () => 0,
    close: () => undefined,
  };
}

/** Returns the RPC of a request's path: its last two segments, without the query. */
export function rpcOfPath(path: string): string {
  const [plain = ''] = path.split('?', 1);
  return plain.split('/').filter(Boolean).slice(-2).join('/');
}
