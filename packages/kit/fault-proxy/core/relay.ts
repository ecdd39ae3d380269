// The interface of a relay: it parses the protocol between a connection's two sockets, so that faults can affect single calls.

import type { Chunk } from './chunk.ts';
import type { Direction, FaultTarget, ProxiedCall } from './fault.ts';

export interface Relay {
  /** Takes bytes that one side sent. */
  take(direction: Direction, bytes: Buffer): void;
  /** Handles the end of one side's bytes. */
  end(direction: Direction): void;
  /** Returns how many bytes of one direction it holds. */
  heldBytes(direction: Direction): number;
  /** Discards every call, because the connection is gone. */
  close(): void;
}

/** The connection, as its relay uses it. */
export interface RelayContext {
  /** Sends a chunk through the faults that affect the connection. */
  send(direction: Direction, chunk: Chunk): void;
  /** Sends bytes that do not end the direction. */
  sendBytes(direction: Direction, bytes: Buffer): void;
  /** Offers a call to the faults before any of its bytes are sent. */
  offer(call: ProxiedCall): void;
  /** Pauses or resumes reading, because the number of held bytes may have changed. */
  updateBackpressure(direction: Direction): void;
  reset(): void;
  /** Sends bytes past all faults and closes the connection after them. */
  sendAndClose(direction: Direction, bytes: Buffer): void;
  /** Ends the connection towards the client, after the bytes already sent, and aborts it towards the upstream service. */
  close(): void;
  readonly connection: FaultTarget;
  /** How many bytes of one direction may be held before the proxy stops reading from its source. */
  readonly maxHeldBytes: number;
}

/** Creates a relay that passes all bytes unread. */
export function createTcpRelay(context: RelayContext): Relay {
  return {
    take: (direction, bytes) => context.sendBytes(direction, bytes),
    end: (direction) => context.send(direction, { kind: 'body', payload: Buffer.alloc(0), isLast: true }),
    heldBytes: () => 0,
    close: () => undefined,
  };
}

/** Returns the RPC of a request's path: its last two segments, without the query. */
export function rpcOfPath(path: string): string {
  const [plain = ''] = path.split('?', 1);
  return plain.split('/').filter(Boolean).slice(-2).join('/');
}
